"""Builds the wheel of a slice: what `uv build` makes, with the manifest put in."""

import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import uv

from aether.artifacts.archive import check_archive, dist_info, record_hash
from aether.artifacts.manifest import MANIFEST_NAME, read_project
from aether.artifacts.wheel import read_wheel
from aether.core.model.records import Manifest, encode
from aether.errors import ArtifactInvalid, Unavailable

BUILD_S = 120.0
LAST_LINES = 20
_FIXED_DATE = (2020, 2, 2, 0, 0, 0)


def build_wheel(project_dir: Path, out_dir: Path) -> Path:
    """Build the slice in `project_dir` and return its wheel; the same sources, the same bytes.

    Raises ConfigInvalid for a bad pyproject.toml, ArtifactInvalid with the last lines of the
    build when it fails, Unavailable when it takes longer than two minutes.
    """
    manifest = read_project(project_dir)
    with tempfile.TemporaryDirectory(prefix="aether-build-") as scratch:
        _run_build(project_dir, Path(scratch))
        built = list(Path(scratch).glob("*.whl"))
        if len(built) != 1:
            raise ArtifactInvalid(f"building {project_dir} made {len(built)} wheels, not one")
        wheel = add_manifest(built[0].read_bytes(), manifest)
        read_wheel(wheel)
        out_dir.mkdir(parents=True, exist_ok=True)
        result = out_dir / built[0].name
        result.write_bytes(wheel)
        return result


def _run_build(project_dir: Path, out_dir: Path) -> None:
    command = [uv.find_uv_bin(), "build", "--wheel", "--no-python-downloads"]
    command += ["--python", sys.executable, "--out-dir", str(out_dir), str(project_dir)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=BUILD_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise Unavailable(f"building {project_dir} took longer than {BUILD_S} s") from late
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()[-LAST_LINES:]
        raise ArtifactInvalid(f"building {project_dir} failed:\n" + "\n".join(lines))


def add_manifest(wheel: bytes, manifest: Manifest) -> bytes:
    """Return the wheel with the manifest in it and in RECORD."""
    archive = check_archive(wheel)
    info = dist_info(archive)
    record_name, manifest_name = f"{info}/RECORD", f"{info}/{MANIFEST_NAME}"
    content = encode(manifest)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for member in archive.infolist():
            if member.filename not in (record_name, manifest_name):
                target.writestr(member, archive.read(member))
        target.writestr(_fixed(manifest_name), content)
        rows = [
            row
            for row in archive.read(record_name).decode().splitlines()
            if row and row.partition(",")[0] not in (record_name, manifest_name)
        ]
        rows += [f"{manifest_name},{record_hash(content)},{len(content)}", f"{record_name},,"]
        target.writestr(_fixed(record_name), "\n".join(rows) + "\n")
    return made.getvalue()


def _fixed(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _FIXED_DATE)
    member.external_attr = 0o644 << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    return member
