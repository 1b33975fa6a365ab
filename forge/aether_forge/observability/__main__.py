"""Write deploy/observability below the present directory; with `--check`, only compare it."""

import sys
from pathlib import Path

from aether_forge.observability.files import FOLDER, stale, write


def main(arguments: list[str]) -> int:
    """Return 1 when `--check` finds a file that is not what the code says."""
    if arguments != ["--check"]:
        write(Path.cwd())
        return 0
    old = stale(Path.cwd())
    if old:
        print(f"{FOLDER} is stale: {', '.join(old)}; run make docs")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
