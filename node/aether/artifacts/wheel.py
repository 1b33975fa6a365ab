"""Reads the manifest out of a wheel that has passed every check."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from email.parser import BytesParser
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from aether.artifacts.archive import check_archive, dist_info, verify_record
from aether.artifacts.manifest import MANIFEST_NAME
from aether.core.model.records import Manifest, decode
from aether.errors import ArtifactInvalid

PLATFORM = "aether-cluster"
"""The distribution every host has already."""
REMEDY = "build it with `aether slice build`"


def read_wheel(wheel: bytes | Path) -> Manifest:
    """Return the manifest of a wheel, `requires` filled in; raise ArtifactInvalid or TooLarge."""
    content = wheel.read_bytes() if isinstance(wheel, Path) else wheel
    archive = check_archive(content)
    files = verify_record(archive)
    info = dist_info(archive)
    raw = files.get(f"{info}/{MANIFEST_NAME}")
    if raw is None:
        raise ArtifactInvalid(f"the wheel has no {MANIFEST_NAME}, so it is no slice: {REMEDY}")
    try:
        manifest = decode(raw, Manifest)
    except ValueError as problem:
        raise ArtifactInvalid(f"{MANIFEST_NAME} of the wheel is malformed: {problem}") from problem
    metadata = BytesParser().parsebytes(files.get(f"{info}/METADATA", b""))
    _check_version(manifest, str(metadata.get("Version", "")))
    requires = tuple(str(item) for item in metadata.get_all("Requires-Dist", ()))
    return replace(manifest, requires=applicable(requires), routes=(), methods=())


def check_filename(filename: str) -> str:
    """Return the name of a wheel file that fits this interpreter; raise ArtifactInvalid."""
    try:
        tags = parse_wheel_filename(filename)[3]
    except (InvalidWheelFilename, InvalidVersion) as problem:
        raise ArtifactInvalid(f"{filename!r} is not the name of a wheel: {problem}") from problem
    if not tags & set(sys_tags()):
        version = ".".join(map(str, sys.version_info[:2]))
        raise ArtifactInvalid(
            f"{filename} is built for another platform: this node runs Python {version} on {sys.platform}"
        )
    return filename


def _check_version(manifest: Manifest, version: str) -> None:
    try:
        agrees = Version(manifest.artifact.version) == Version(version)
    except InvalidVersion:
        agrees = manifest.artifact.version == version
    if not agrees:
        raise ArtifactInvalid(
            f"the manifest says {manifest.artifact} but the wheel's version is {version!r}: {REMEDY}"
        )


def applicable(
    requires: tuple[str, ...], environment: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the requirements that apply here without extras, sorted, without Aether itself."""
    found: set[str] = set()
    for text in requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as problem:
            raise ArtifactInvalid(
                f"requirement {text!r} of the wheel is malformed: {problem}"
            ) from problem
        marker = requirement.marker
        if marker is not None and not marker.evaluate({**(environment or {}), "extra": ""}):
            continue
        if canonicalize_name(requirement.name) != PLATFORM:
            requirement.marker = None
            found.add(str(requirement))
    return tuple(sorted(found))
