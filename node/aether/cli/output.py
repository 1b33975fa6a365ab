"""Where a command's words go: data to standard output, talk and errors to standard error."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from aether.cli.failures import CliError
from aether.cli.tables import printable

Format = Literal["table", "json"]


@dataclass(frozen=True, slots=True)
class Output:
    """How the caller wants to be told."""

    format: Format = "table"
    quiet: bool = False
    """Say nothing but data and errors."""

    def show(self, value: Any, lines: Iterable[str]) -> None:  # noqa: ANN401 - JSON values
        """Print data: `value` as JSON, or `lines` for people."""
        if self.format == "json":
            print(json.dumps(value, indent=2, ensure_ascii=False))
        else:
            for line in lines:
                print(line)
        sys.stdout.flush()

    def say(self, line: str) -> None:
        """Tell how it goes, unless asked to be quiet."""
        if not self.quiet:
            print(printable(line), file=sys.stderr, flush=True)


def complain(failure: CliError) -> None:
    """Print why the command failed."""
    for line in failure.lines():
        print(printable(line), file=sys.stderr, flush=True)
