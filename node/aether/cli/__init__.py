"""The `aether` command."""

import sys


def main() -> None:
    """Run the command named on the command line and end the process with its exit code."""
    from aether.cli.root import run  # noqa: PLC0415 - whoever imports only the client pays no click

    sys.exit(run(sys.argv[1:]))
