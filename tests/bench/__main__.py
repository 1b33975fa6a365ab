"""Runs benchmarks by name: `python -m tests.bench router`; without a name, all of them."""

import importlib
import pkgutil
import sys
from pathlib import Path

_PARTS = frozenset(
    {"__main__", "forecast_lag", "forecast_pasts", "load", "origin", "programs", "report"}
)
"""Modules of this folder that are no benchmark."""


def names() -> list[str]:
    """Return the benchmarks there are: every other module of this folder."""
    found = {module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])}
    return sorted(found - _PARTS)


def main(arguments: list[str]) -> int:
    """Run the benchmarks named, or all; 2 for a name there is not."""
    unknown = [name for name in arguments if name not in names()]
    if unknown:
        sys.stderr.write(f"usage: python -m tests.bench [NAME]…, of {', '.join(names())}\n")
        return 2
    for name in arguments or names():
        importlib.import_module(f"tests.bench.{name}").run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
