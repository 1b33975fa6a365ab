"""Names of things: nodes, slices, artifacts and instances, and how they are written."""

import re
from functools import lru_cache
from typing import NewType, Self

NodeId = NewType("NodeId", str)
"""Name of a node, unique in its cluster: lower-case letters, digits and dashes, at most 63 characters."""

SliceBase = NewType("SliceBase", str)
"""`group:name`: a slice without its version; what is targeted, routed to and depended on."""

_NODE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBERED = re.compile(r"(.*)-([1-9][0-9]{0,8})")
_GROUP = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_][a-z0-9_-]*)*")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+([-+.][0-9A-Za-z][0-9A-Za-z.+-]*)?")
_MAX_PART = 128
_MOST_KEPT = 16_384
"""Artifacts whose check is remembered: more than a cluster of 10,000 slices has."""


def parse_node_id(text: str) -> NodeId:
    """Return `text` as a node id, or raise ValueError saying what a node id looks like."""
    if not _NODE.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a node id: lower-case letters, digits and inner dashes, 1 to 63 of them"
        )
    return NodeId(text)


def numbered(node: NodeId) -> tuple[str, int] | None:
    """Return what stands before the number in a name such as `node-3`, and the number; else None."""
    found = _NUMBERED.fullmatch(node)
    return (found[1], int(found[2])) if found else None


def parse_slice_base(text: str) -> SliceBase:
    """Return `text` as a slice base, or raise ValueError saying what one looks like."""
    group, colon, name = text.partition(":")
    if not colon or not _is_part(_GROUP, group) or not _is_part(_NAME, name):
        raise ValueError(f"{text!r} is not a slice: expected group:name, as in org.example:links")
    return SliceBase(text)


def _is_part(pattern: re.Pattern[str], text: str) -> bool:
    return len(text) <= _MAX_PART and pattern.fullmatch(text) is not None


class Artifact(str):
    """Coordinates of one version of a slice (or of a blueprint): `group:name:version`.

    A string that has been checked: building one raises ValueError naming the part that is wrong.
    Its parts are taken out once, when it is built, because decisions ask for them all the time.
    """

    __slots__ = ("base", "version")

    base: SliceBase
    """The coordinates without the version."""
    version: str
    """The last part of the coordinates."""

    def __new__(cls, text: str) -> Self:
        """Check and keep `text`."""
        parts = text.split(":")
        if len(parts) != 3:
            raise ValueError(
                f"{text!r} is not an artifact: expected group:name:version, "
                "as in org.example:links:1.0.0"
            )
        for pattern, part, what, sample in zip(
            (_GROUP, _NAME, _VERSION),
            parts,
            ("group", "name", "version"),
            ("org.example", "links", "1.0.0"),
            strict=True,
        ):
            if not _is_part(pattern, part):
                raise ValueError(
                    f"{text!r} is not an artifact: its {what} {part!r} should look like {sample!r}"
                )
        made = super().__new__(cls, text)
        made.base = SliceBase(f"{parts[0]}:{parts[1]}")
        made.version = parts[2]
        return made

    @staticmethod
    def of(base: SliceBase, version: str) -> "Artifact":
        """Return the coordinates of one version of a slice."""
        return _known_artifact(f"{base}:{version}")


@lru_cache(maxsize=_MOST_KEPT)
def _known_artifact(text: str) -> Artifact:
    """Return the artifact, checked once: all instances of one artifact share it and its parts."""
    return Artifact(text)


class InstanceId(str):
    """One running copy of an artifact: `group:name:version/ordinal`, checked when built."""

    __slots__ = ("artifact", "base", "ordinal", "version")

    artifact: Artifact
    """What this is a copy of."""
    base: SliceBase
    """The slice this is an instance of."""
    version: str
    """The version this is an instance of; kept, for a router asks for it with every request."""
    ordinal: int
    """Tells the copies of one artifact from each other; the lowest free number is taken."""

    def __new__(cls, text: str) -> Self:
        """Check and keep `text`."""
        artifact, slash, ordinal = text.rpartition("/")
        if not slash or not ordinal.isascii() or not ordinal.isdigit():
            raise ValueError(f"{text!r} is not an instance: expected group:name:version/ordinal")
        made = super().__new__(cls, text)
        made.artifact = _known_artifact(artifact)
        made.base = made.artifact.base
        made.version = made.artifact.version
        made.ordinal = int(ordinal)
        return made

    @classmethod
    def of(cls, artifact: Artifact, ordinal: int) -> Self:
        """Return the id of one copy of `artifact`."""
        return cls(f"{artifact}/{ordinal}")


def write_id(value: object) -> str:
    """Return an id as the plain string msgspec takes: the `enc_hook` of every encoder."""
    if isinstance(value, Artifact | InstanceId):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no form on the wire")
