"""Which route answers a path: the most specific pattern that also takes the method.

A path is cut at slashes and each piece percent-decoded, so that an encoded slash never separates.
Read from the left, a literal beats a `{parameter}` (one non-empty piece) and that beats `{*rest}`
(any number of pieces, none included: `/app/{*rest}` takes `/app`, `/app/` and `/app/x/y`). A
pattern that does not take the method is passed over for the next most specific one; only when all
that fit the path refuse the method is it "not allowed". On one pattern a row for the method itself
comes first, then for HEAD the row for GET, then `*`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Generic, Protocol, TypeVar
from urllib.parse import unquote

MAX_PATTERN_CHARS = 1024
MAX_PATTERN_SEGMENTS = 64
ANY_METHOD = "*"
_MOST_FORMS = 4096
"""Patterns whose form is remembered: each table of a node holds them all again."""


class PatternError(ValueError):
    """A pattern that cannot be matched; the message says why."""


class Kind(Enum):
    """The three kinds of pattern segments, most specific first."""

    LITERAL = 0
    PARAMETER = 1
    REST = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of a pattern; `text` is the literal, or the parameter's name."""

    kind: Kind
    text: str


class Routed(Protocol):
    """What the matcher needs of a row."""

    @property
    def method(self) -> str:
        """Upper-case verb, or `*`."""
        ...

    @property
    def pattern(self) -> str:
        """Pattern of the path."""
        ...


_Row = TypeVar("_Row", bound=Routed)


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The path exists, the method does not; `allow` lists the methods that do, sorted."""

    allow: tuple[str, ...]


def parse_pattern(pattern: str) -> tuple[Segment, ...]:
    """Cut a pattern into segments; raise PatternError saying what is wrong with it."""
    if not pattern.startswith("/"):
        raise PatternError(f"pattern {pattern!r} does not begin with a slash")
    if len(pattern) > MAX_PATTERN_CHARS:
        raise PatternError(f"pattern of {len(pattern)} characters is over {MAX_PATTERN_CHARS}")
    if any(character in "?#" or character.isspace() for character in pattern):
        raise PatternError(f"pattern {pattern!r} holds a space, ? or #")
    pieces = pattern[1:].split("/")
    if len(pieces) > MAX_PATTERN_SEGMENTS:
        raise PatternError(f"pattern of {len(pieces)} segments is over {MAX_PATTERN_SEGMENTS}")
    segments = tuple(_parse_segment(piece, pattern) for piece in pieces)
    if any(segment.kind is Kind.REST for segment in segments[:-1]):
        raise PatternError(f"pattern {pattern!r}: {{*rest}} may only stand at the end")
    return segments


def _parse_segment(piece: str, pattern: str) -> Segment:
    if "{" not in piece and "}" not in piece:
        return Segment(Kind.LITERAL, piece)
    name = piece[1:-1]
    kind = Kind.REST if name.startswith("*") else Kind.PARAMETER
    name = name.removeprefix("*")
    if not (piece.startswith("{") and piece.endswith("}") and name.isidentifier()):
        raise PatternError(f"pattern {pattern!r}: {piece!r} is neither {{name}} nor {{*name}}")
    return Segment(kind, name)


def shape(segments: Iterable[Segment]) -> str:
    """Return the pattern with its parameter names blanked: equal for patterns that match alike."""
    blanks = {Kind.PARAMETER: "{}", Kind.REST: "{*}"}
    return "/" + "/".join(blanks.get(segment.kind, segment.text) for segment in segments)


@lru_cache(maxsize=_MOST_FORMS)
def form_of(pattern: str) -> str:
    """Return `shape` of a pattern; raise PatternError when it cannot be matched."""
    return shape(parse_pattern(pattern))


def split_path(path: str) -> list[str]:
    """Cut a path at its slashes and percent-decode each piece."""
    pieces = path[1:].split("/")
    return [unquote(piece) for piece in pieces] if "%" in path else pieces


def parameter_of(pattern: str, path: str, name: str) -> str:
    """Return what the parameter `name` of a pattern is in a path that fits it, decoded.

    Empty when the pattern has no such parameter. `{*rest}` is all the pieces it takes, with slashes.
    """
    place = _place_of(pattern, name)
    if place is None:
        return ""
    index, kind = place
    pieces = split_path(path)[index:]
    return "/".join(pieces) if kind is Kind.REST else pieces[0] if pieces else ""


@lru_cache(maxsize=_MOST_FORMS)
def _place_of(pattern: str, name: str) -> tuple[int, Kind] | None:
    for index, segment in enumerate(parse_pattern(pattern)):
        if segment.kind is not Kind.LITERAL and segment.text == name:
            return index, segment.kind
    return None


class _Node(Generic[_Row]):
    """One segment of the trie; a path leads to a node in one way only."""

    __slots__ = ("literals", "parameter", "rest", "rows")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[_Row]] = {}
        self.parameter: _Node[_Row] | None = None
        self.rest: dict[str, _Row] = {}
        self.rows: dict[str, _Row] = {}

    def grow(self, segments: tuple[Segment, ...]) -> dict[str, _Row]:
        """Return the rows, by method, of the pattern `segments`, making nodes on the way."""
        node = self
        for segment in segments:
            if segment.kind is Kind.REST:
                return node.rest
            if segment.kind is Kind.PARAMETER:
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment.text, _Node())
        return node.rows


class Matcher(Generic[_Row]):
    """All routes compiled into a trie of segments.

    Looking up visits each node of the trie at most once, however the path looks. Of two rows that
    match alike, the one whose pattern sorts first is kept. Raises PatternError for a bad pattern.
    """

    def __init__(self, rows: Iterable[_Row]) -> None:
        self._root: _Node[_Row] = _Node()
        for row in sorted(rows, key=lambda row: (row.pattern, row.method)):
            self._root.grow(parse_pattern(row.pattern)).setdefault(row.method, row)

    def find(self, method: str, path: str) -> _Row | NotAllowed | None:
        """Return the row for `method` and `path` (no query), NotAllowed, or None for no route."""
        if not path.startswith("/"):
            return None
        allowed: set[str] = set()
        found = _descend(self._root, split_path(path), 0, method, allowed)
        if found is not None or not allowed:
            return found
        if "GET" in allowed:
            allowed.add("HEAD")
        return NotAllowed(tuple(sorted(allowed)))


def _descend(
    node: _Node[_Row], pieces: list[str], depth: int, method: str, allowed: set[str]
) -> _Row | None:
    if depth == len(pieces):
        return _take(node.rows, method, allowed) or _take(node.rest, method, allowed)
    piece = pieces[depth]
    literal = node.literals.get(piece)
    if literal is not None:
        found = _descend(literal, pieces, depth + 1, method, allowed)
        if found is not None:
            return found
    if node.parameter is not None and piece:
        found = _descend(node.parameter, pieces, depth + 1, method, allowed)
        if found is not None:
            return found
    return _take(node.rest, method, allowed)


def _take(rows: dict[str, _Row], method: str, allowed: set[str]) -> _Row | None:
    if not rows:
        return None
    found = rows.get(method)
    if found is None and method == "HEAD":
        found = rows.get("GET")
    if found is None:
        found = rows.get(ANY_METHOD)
    if found is None:
        allowed.update(rows)
    return found
