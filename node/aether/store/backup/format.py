"""The form of a backup file: magic and format, then frames: one head, parts, one end.

A frame is a letter, a length, a checksum and a body. The checksum covers letter, place and body, so
parts cannot be swapped, repeated or left out; the end holds a digest of every byte before it. Rules
for this file: magic and format number never move; whatever else changes raises `FORMAT`.
"""

import struct
from enum import StrEnum

import google_crc32c
import msgspec

from aether.errors import Invalid

MAGIC = b"AEBACKUP"
FORMAT = 1
OPENING = MAGIC + FORMAT.to_bytes(4, "little")
"""What a backup of this format begins with."""
MOST_BODY_BYTES = 16 * 1024 * 1024
FRAME = struct.Struct("<cII")
"""Letter, length of the body, checksum."""


class Kind(StrEnum):
    """The letter of a frame."""

    HEAD = "H"
    PART = "P"
    END = "E"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is of; a map, so that later versions may add to it."""

    cluster_id: str
    node: str
    """Where it was taken."""
    version: str
    """Of Aether, which took it."""
    taken_ms: int
    """When, by that node's wall clock, in milliseconds since 1970."""
    revision: int
    """Everything up to it is in the backup, and nothing later."""
    time_ms: int
    """Cluster time then."""
    digest: bytes
    """`KvMachine.digest` then."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What was written before it."""

    parts: int
    size: int
    """Bytes of all parts."""
    state_hash: str
    """SHA-256 of all parts together: `KvMachine.state_hash` of the state they hold."""
    whole: bytes
    """SHA-256 of every byte of the file before the end's frame."""


class BackupDamaged(Invalid):
    """A backup file that is not, byte for byte, what was written; never restored in part."""

    code = "backup_damaged"


def frame(kind: Kind, place: int, body: bytes) -> bytes:
    """Return one frame; the head has place 0, parts count from 1, the end follows the last."""
    if len(body) > MOST_BODY_BYTES:
        raise ValueError(f"a part of {len(body)} bytes, {MOST_BODY_BYTES} at most")
    return FRAME.pack(kind.encode(), len(body), checksum(kind, place, body)) + body


def checksum(kind: Kind, place: int, body: bytes) -> int:
    """Return the CRC32C of a frame at its place."""
    start = kind.encode() + len(body).to_bytes(4, "little") + place.to_bytes(8, "little")
    return int(google_crc32c.extend(google_crc32c.value(start), body))
