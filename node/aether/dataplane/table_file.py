"""The last good routing table on disk, so that a router serves before it hears from any node."""

import hashlib
from pathlib import Path

import msgspec
import structlog

from aether.core.dataplane.table import Table, from_plain, to_plain
from aether.whole_files import write_whole

MAX_FILE_BYTES = 64 * 1024 * 1024

log = structlog.get_logger()


def read_table(path: Path) -> Table | None:
    """Return the table in the file; None, with a word in the log, when there is no sound one."""
    try:
        with path.open("rb") as file:
            return _decode(file.read(MAX_FILE_BYTES + 1))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        log.warning("saved routing table is not usable", path=str(path), problem=str(problem))
        return None


def write_table(path: Path, table: Table) -> None:
    """Replace the file by `table`: after a crash it is the old one or the new one, whole."""
    plain = msgspec.json.encode(to_plain(table))
    content = msgspec.json.encode({"checksum": _digest(plain), "table": msgspec.Raw(plain)})
    write_whole(path, content)


class _Content(msgspec.Struct):
    checksum: str
    table: msgspec.Raw


def _decode(content: bytes) -> Table:
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"the file is over {MAX_FILE_BYTES} bytes")
    try:
        saved = msgspec.json.decode(content, type=_Content)
        plain = bytes(saved.table)
        value = msgspec.json.decode(plain)
    except msgspec.MsgspecError as problem:
        raise ValueError(str(problem)) from problem
    if _digest(plain) != saved.checksum:
        raise ValueError("the checksum does not fit the table")
    table = from_plain(value)
    problems = table.check()
    if problems:
        raise ValueError("; ".join(problems))
    return table


def _digest(plain: bytes) -> str:
    return hashlib.sha256(plain).hexdigest()
