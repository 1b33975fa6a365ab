"""Which of two versions of an artifact is the higher: semantic versioning's order."""

import re
from collections.abc import Iterable

from aether.core.model.ids import Artifact

_NUMBERS = re.compile(r"(\d+)\.(\d+)\.(\d+)(.*)", re.DOTALL)
_EARLY = re.compile(r"\.(?:a|b|c|rc|dev|alpha|beta|pre)\d*")

Identifier = tuple[int, int, str]
"""A part of what follows the numbers: whole numbers stand before words."""
VersionKey = tuple[tuple[int, int, int], int, tuple[Identifier, ...], str]


def version_key(version: str) -> VersionKey:
    """Return what versions are sorted by; raise ValueError for what is no version.

    `1.0.0-rc.1` and `1.0.0.dev1` stand before `1.0.0`, `1.0.0.post1` behind it. Build metadata
    (`+…`) decides only between versions that are equal otherwise.
    """
    found = _NUMBERS.fullmatch(version)
    if found is None:
        raise ValueError(f"{version!r} is not a version: expected numbers as in 1.0.0")
    rest, _, build = found[4].partition("+")
    stage = 0 if not rest else (-1 if is_prerelease(version) else 1)
    parts = tuple(_identifier(part) for part in rest[1:].split(".")) if rest else ()
    return (int(found[1]), int(found[2]), int(found[3])), stage, parts, build


def is_prerelease(version: str) -> bool:
    """Whether the version comes before its numbers' release."""
    found = _NUMBERS.fullmatch(version)
    rest = found[4].partition("+")[0] if found else ""
    return rest.startswith("-") or _EARLY.match(rest) is not None


def highest(artifacts: Iterable[Artifact]) -> Artifact | None:
    """Return the artifact of the highest version; a pre-release only when there is nothing else."""
    return max(
        artifacts,
        key=lambda each: (not is_prerelease(each.version), version_key(each.version)),
        default=None,
    )


def _identifier(part: str) -> Identifier:
    return (0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part)
