"""Wheels made in memory, whole or broken on purpose."""

import io
import stat
import zipfile
from collections.abc import Mapping, Sequence

from aether.artifacts.archive import record_hash
from aether.core.model.ids import Artifact
from aether.core.model.records import Manifest, encode

ARTIFACT = Artifact("org.example:sample:1.0.0")
MANIFEST = Manifest(artifact=ARTIFACT, entry="sample:Sample", kind="slice")
INFO = "sample-1.0.0.dist-info"
FILENAME = "sample-1.0.0-py3-none-any.whl"
SOURCE = b"from aether import Slice\nclass Sample(Slice):\n    pass\n"


def wheel_files(
    manifest: Manifest | None = MANIFEST,
    *,
    version: str = "1.0.0",
    requires: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Return the files of a good wheel, RECORD last."""
    metadata = f"Metadata-Version: 2.4\nName: sample\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {item}\n" for item in requires)
    found = dict(files or {"sample/__init__.py": SOURCE})
    found[f"{INFO}/METADATA"] = metadata.encode()
    found[f"{INFO}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if manifest is not None:
        found[f"{INFO}/aether.json"] = encode(manifest)
    found[f"{INFO}/RECORD"] = record_of(found)
    return found


def record_of(files: Mapping[str, bytes]) -> bytes:
    rows = [f"{name},{record_hash(content)},{len(content)}" for name, content in files.items()]
    return "\n".join([*rows, f"{INFO}/RECORD,,", ""]).encode()


def zipped(files: Mapping[str, bytes], *, links: Sequence[str] = ()) -> bytes:
    """Return the files as a zip archive, those in `links` marked as symbolic links."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, (2020, 2, 2, 0, 0, 0))
            member.external_attr = (0o644 | (stat.S_IFLNK if name in links else 0)) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return made.getvalue()


def wheel(
    manifest: Manifest | None = MANIFEST,
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return a good wheel."""
    return zipped(wheel_files(manifest, requires=requires, files=files))
