"""A wheel as a zip archive nobody trusts: names, sizes and digests checked before any use."""

import base64
import csv
import hashlib
import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import PurePosixPath

from aether.errors import ArtifactInvalid, TooLarge

MAX_WHEEL_BYTES = 256 * 1024 * 1024
MAX_FILES = 10_000
MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
MAX_RATIO = 200
"""Most unpacked bytes for each packed one; above it, a file is made to fill disks."""
RATIO_FLOOR_BYTES = 1024 * 1024
"""Files that small may be packed as tightly as they like."""
MAX_NAME_CHARS = 512


def check_archive(wheel: bytes) -> zipfile.ZipFile:
    """Return the open archive once its listing is safe; raise ArtifactInvalid or TooLarge."""
    if len(wheel) > MAX_WHEEL_BYTES:
        raise TooLarge(f"a wheel of {len(wheel)} bytes is over the limit of {MAX_WHEEL_BYTES}")
    try:
        archive = zipfile.ZipFile(io.BytesIO(wheel))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as problem:
        raise ArtifactInvalid(
            f"not a wheel: {problem}: build it with `aether slice build`"
        ) from problem
    members = archive.infolist()
    if len(members) > MAX_FILES:
        raise TooLarge(f"a wheel of {len(members)} files is over the limit of {MAX_FILES}")
    total = sum(member.file_size for member in members)
    if total > MAX_UNPACKED_BYTES:
        raise TooLarge(f"a wheel that unpacks to {total} bytes is over {MAX_UNPACKED_BYTES}")
    seen: set[str] = set()
    for member in members:
        _check_member(member, seen)
    return archive


def _check_member(member: zipfile.ZipInfo, seen: set[str]) -> None:
    name = member.filename
    path = PurePosixPath(name)
    if (
        path.is_absolute()
        or not path.parts
        or ".." in path.parts
        or len(name) > MAX_NAME_CHARS
        or any(character in name for character in "\\\0:")
        or not name.isprintable()
    ):
        raise ArtifactInvalid(f"file name {name!r} in the wheel could lead outside of it")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArtifactInvalid(f"{name!r} in the wheel is a link or a device, not a file")
    # Case is folded because two names may be one file on the disk of another node.
    folded = str(path).casefold()
    if folded in seen:
        raise ArtifactInvalid(f"the wheel holds {name!r} twice")
    seen.add(folded)
    if member.flag_bits & 0x1:
        raise ArtifactInvalid(f"{name!r} in the wheel is encrypted")
    if member.file_size > RATIO_FLOOR_BYTES and member.file_size > MAX_RATIO * member.compress_size:
        raise TooLarge(f"{name!r} in the wheel is packed more than {MAX_RATIO} times: refused")


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return one file of a checked archive; raise ArtifactInvalid when it is damaged."""
    try:
        return archive.read(name)  # reads at most the size the listing was checked with
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, ValueError) as problem:
        raise ArtifactInvalid(f"{name!r} in the wheel is damaged: {problem}") from problem
    except Exception as problem:
        # zlib, lzma and bz2 each raise an error class of their own for damaged data.
        if type(problem).__module__ in ("zlib", "_lzma", "lzma", "bz2"):
            raise ArtifactInvalid(f"{name!r} in the wheel is damaged: {problem}") from problem
        raise


def dist_info(archive: zipfile.ZipFile) -> str:
    """Return the name of the one `.dist-info` directory."""
    found = {
        part
        for name in archive.namelist()
        if (part := PurePosixPath(name).parts[0]).endswith(".dist-info")
    }
    if len(found) != 1:
        raise ArtifactInvalid(f"a wheel has one .dist-info directory, this one has {len(found)}")
    return found.pop()


def verify_record(archive: zipfile.ZipFile) -> Mapping[str, bytes]:
    """Return all files by name once each agrees with RECORD; raise ArtifactInvalid."""
    record_name = f"{dist_info(archive)}/RECORD"
    names = {member.filename for member in archive.infolist() if not member.is_dir()}
    if record_name not in names:
        raise ArtifactInvalid("the wheel has no RECORD: build it with `aether slice build`")
    expected = _parse_record(read_member(archive, record_name))
    unlisted = names - set(expected) - {record_name}
    if unlisted or set(expected) - names:
        differing = sorted(unlisted or set(expected) - names)[0]
        raise ArtifactInvalid(f"RECORD and the wheel's files differ: {differing!r}")
    files: dict[str, bytes] = {}
    for name in sorted(names):
        content = files[name] = read_member(archive, name)
        if name != record_name and expected[name] != record_hash(content):
            raise ArtifactInvalid(f"{name!r} in the wheel is not what RECORD says")
    return files


def _parse_record(raw: bytes) -> dict[str, str]:
    try:
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8"))))
    except (UnicodeDecodeError, csv.Error) as problem:
        raise ArtifactInvalid(f"RECORD cannot be read: {problem}") from problem
    expected: dict[str, str] = {}
    for row in rows:
        if len(row) != 3 or row[0] in expected:
            raise ArtifactInvalid(f"RECORD has a malformed or repeated row: {row!r}")
        expected[row[0]] = row[1]
    return expected


def record_hash(content: bytes) -> str:
    """Return the hash of a file as RECORD has it."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode('ascii')}"
