"""A broken member, to prove that the soak would see one: its syncs answer success and do nothing."""

import shutil
from pathlib import Path

from tests.soak.enclosure import run

_SOURCE = """
#include <stddef.h>
int fsync(int file) { (void)file; return 0; }
int fdatasync(int file) { (void)file; return 0; }
int msync(void *start, size_t size, int flags) { (void)start; (void)size; (void)flags; return 0; }
"""


def can_build() -> bool:
    """Whether a C compiler is there."""
    return shutil.which("cc") is not None


def build(folder: Path) -> Path:
    """Compile a library that, loaded before libc, turns every sync into nothing."""
    source, library = folder / "nosync.c", folder / "nosync.so"
    source.write_text(_SOURCE)
    run("cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source))
    return library
