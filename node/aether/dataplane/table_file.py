"""The last good routing tables on disk, so that a router serves before it hears from any node.

The file holds its format, a checksum and the table. What it held before is kept beside it, as
`table.json.1`, so that damage to the newest leaves a table that was good. A file of a format this
release does not know is put aside under a name that says so, and never written over.
"""

import hashlib
import os
from pathlib import Path

import msgspec
import structlog

from aether.core.dataplane.table import Table, from_plain
from aether.core.model.records import encode
from aether.whole_files import write_whole

FORMAT = 1
MAX_FILE_BYTES = 64 * 1024 * 1024

log = structlog.get_logger()


class UnknownFormat(ValueError):
    """A saved table was written by a release with another format."""

    def __init__(self, found: int) -> None:
        super().__init__(f"it has format {found}, this release reads format {FORMAT}")
        self.found = found


def read_table(path: Path) -> Table | None:
    """Return the newest sound table that was saved; None, with a word in the log, when there is none."""
    for generation in (path, _earlier(path)):
        try:
            return _table(_read(generation))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as problem:
            log.warning(
                "saved routing table is not usable", path=str(generation), problem=str(problem)
            )
    return None


def write_table(path: Path, table: Table) -> None:
    """Make `table` the newest that is saved, and keep the one before, if it is sound.

    After a crash the file is the old one or the new one, whole. Nothing is written when it holds this
    table already, as it does when another router of the node was quicker. Raises OSError.
    """
    plain = encode(table)
    if _keep(path, plain):
        return
    saved = _Saved(format=FORMAT, checksum=_digest(plain), table=msgspec.Raw(plain))
    write_whole(path, msgspec.json.encode(saved))


class _Saved(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    format: int = FORMAT
    """Left out by the first releases."""
    checksum: str
    table: msgspec.Raw


def _earlier(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _read(path: Path) -> bytes:
    """Return the table in a file as JSON, as it was written; raise OSError or ValueError."""
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"the file is over {MAX_FILE_BYTES} bytes")
    try:
        saved = msgspec.json.decode(content, type=_Saved)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as problem:
        raise ValueError(str(problem)) from problem
    if saved.format != FORMAT:
        raise UnknownFormat(saved.format)
    plain = bytes(saved.table)
    if _digest(plain) != saved.checksum:
        raise ValueError("the checksum does not fit the table")
    return plain


def _table(plain: bytes) -> Table:
    try:
        table = from_plain(msgspec.json.decode(plain))
    except msgspec.MsgspecError as problem:
        raise ValueError(str(problem)) from problem
    problems = table.check()
    if problems:
        raise ValueError("; ".join(problems))
    return table


def _keep(path: Path, coming: bytes) -> bool:
    """Put what is in the file aside: as the earlier generation, or by its unknown format.

    Returns whether there is nothing to do, since it is the table that is coming.
    """
    try:
        if _read(path) == coming:
            return True
        aside = _earlier(path)
    except UnknownFormat as problem:
        aside = path.with_name(f"{path.name}.format-{problem.found}")
        log.warning("saved routing table is put aside", path=str(aside), problem=str(problem))
    except (OSError, ValueError):
        return False  # nothing there, or nothing worth keeping: the earlier generation stays
    # A second name first: at no moment is there no table under the name of the newest.
    link = aside.with_name(f".{aside.name}.{os.getpid()}")
    link.unlink(missing_ok=True)
    link.hardlink_to(path)
    link.replace(aside)
    return False


def _digest(plain: bytes) -> str:
    return hashlib.sha256(plain).hexdigest()
