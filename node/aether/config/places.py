"""Where in a TOML text each value stands: no parser tells, and an operator needs the line.

Rules for this file: the text has been parsed before, so it is valid; what is looked for is only
the first character of every key and array element.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aether.config.toml import load_toml

Path = tuple[str | int, ...]
"""Keys and array positions from the top of the document, as in `("slices", 0, "artifact")`."""

Place = tuple[int, int]
"""Line and column, from 1."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_INLINE_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_KEYS = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*+(?=[ \t]*[=\]])")
"""Most keys: bare ones, with nothing between them but dots."""
_STRING = re.compile(
    r'"""(?:[^"\\]++|\\.|"{1,2}(?!"))*+"{3,5}'
    r"|'''(?:[^']++|'{1,2}(?!'))*+'{3,5}"
    r'|"(?:[^"\\\n]++|\\.)*+"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]+")


def find_places(text: str) -> Mapping[Path, Place]:
    """Return the place of every key and array element of a valid TOML text."""
    root = _Spot()
    _Scanner(text, root, None).scan()
    return dict(_placed(root))


def places_of(text: str, values: Mapping[str, Any], paths: Iterable[Path]) -> Mapping[Path, Place]:
    """Return the places of these paths, or of what is around them where they are not in the text.

    `values` is what the text holds. The text is walked no further than to the last of them.
    """
    root, missing = _Spot(), 0
    for path in paths:
        spot = root
        for part in _existing(values, path):
            if part not in spot.inside:
                spot.inside[part] = _Spot()
                missing += 1
            spot = spot.inside[part]
    _Scanner(text, root, missing).scan()
    return dict(_placed(root))


def _existing(values: Any, path: Path) -> Iterator[str | int]:  # noqa: ANN401 - any plain value
    """Yield the parts of a path that lead to something in `values`."""
    for part in path:
        match values:
            case dict() if part in values:
                values = values[part]
            case list() if isinstance(part, int) and 0 <= part < len(values):
                values = values[part]
            case _:
                return
        yield part


def place_of(places: Mapping[Path, Place], path: Path) -> Place:
    """Return the place of `path`, or of the nearest thing around it that has one."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, (1, 1))


def path_text(path: Path) -> str:
    """Return the path as an operator would write it: `slices[0].artifact`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.replace("_", "").replace("-", "").isalnum()
            text += f"{'.' if text else ''}{part if plain else _quoted(part)}"
    return text or "document"


def _quoted(part: str) -> str:
    return '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Spot:
    """A key or an array element, with those inside it that are looked for."""

    __slots__ = ("inside", "place", "tables")

    def __init__(self) -> None:
        self.inside: dict[str | int, _Spot] = {}
        self.place: Place | None = None
        self.tables = 0
        """How many `[[…]]` headers have begun an element here."""


def _placed(root: _Spot) -> Iterator[tuple[Path, Place]]:
    """Yield every path below `root` that has a place."""
    waiting: list[tuple[Path, _Spot]] = [((), root)]
    for path, spot in waiting:
        if spot.place is not None:
            yield path, spot.place
        waiting += [((*path, part), inner) for part, inner in spot.inside.items()]


class _Scanner:
    """Walks the text once, keeping the table it is in; what is not looked for is passed over."""

    def __init__(self, text: str, root: _Spot, missing: int | None) -> None:
        """Look for the `missing` spots below `root`; None: for all there are, which are added there."""
        self._text = text
        self._at = 0
        self._line = 1
        self._line_start = 0
        self._counted_to = 0
        self._root = root
        self._missing = missing
        self._table: _Spot | None = root

    def scan(self) -> None:
        """Give every spot that is looked for its place."""
        self._skip(_BLANK)
        while self._missing != 0 and self._at < len(self._text):
            if self._text[self._at] == "[":
                self._header()
            else:
                self._pair(self._table)
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _enter(self, spot: _Spot | None, part: str | int, at: int) -> _Spot | None:
        """Return what is looked for under `part`, None when nothing is; its first place is `at`.

        Columns count characters, as editors do.
        """
        if spot is None:
            return None
        inner = spot.inside.get(part)
        if inner is None:
            if self._missing is not None:
                return None
            inner = spot.inside[part] = _Spot()
        if inner.place is None:
            inner.place = self._place(at)
            if self._missing is not None:
                self._missing -= 1
        return inner

    def _place(self, at: int) -> Place:
        passed = self._text.count("\n", self._counted_to, at)
        if passed:
            self._line += passed
            self._line_start = self._text.rfind("\n", 0, at) + 1
        self._counted_to = at
        return self._line, at - self._line_start + 1

    def _header(self) -> None:
        is_array = self._text.startswith("[[", self._at)
        brackets = 2 if is_array else 1
        self._at += brackets
        self._skip(_INLINE_BLANK)
        start, parts = self._at, self._dotted()
        spot: _Spot | None = self._root
        for number, part in enumerate(parts, start=1):
            spot = self._enter(spot, part, start)
            if spot is None:
                break
            if is_array and number == len(parts):
                spot.tables += 1
            if spot.tables:
                spot = self._enter(spot, spot.tables - 1, start)
        self._at += brackets
        self._table = spot

    def _dotted(self) -> list[str]:
        plain = self._skip(_PLAIN_KEYS)
        if plain:
            self._skip(_INLINE_BLANK)
            return plain.split(".")
        parts = [self._key()]
        self._skip(_INLINE_BLANK)
        while self._next() == ".":
            self._at += 1
            self._skip(_INLINE_BLANK)
            parts.append(self._key())
            self._skip(_INLINE_BLANK)
        return parts

    def _key(self) -> str:
        quoted = self._skip(_STRING)
        if not quoted:
            return self._skip(_BARE_KEY)
        if quoted[0] == "'" or "\\" not in quoted:
            return quoted[1:-1]
        return str(load_toml(f"key = {quoted}", "key")["key"])

    def _pair(self, spot: _Spot | None) -> None:
        start = self._at
        for part in self._dotted():
            spot = self._enter(spot, part, start)
        self._at += 1
        self._skip(_INLINE_BLANK)
        self._value(spot)

    def _value(self, spot: _Spot | None) -> None:
        match self._next():
            case "[":
                self._array(spot)
            case "{":
                self._inline_table(spot)
            case '"' | "'":
                self._skip(_STRING)
            case _:
                self._skip(_SCALAR)

    def _array(self, spot: _Spot | None) -> None:
        self._at += 1
        self._skip(_BLANK)
        position = 0
        while self._next() not in ("]", ""):
            self._value(self._enter(spot, position, self._at))
            self._skip(_BLANK)
            if self._next() == ",":
                self._at += 1
                self._skip(_BLANK)
            position += 1
        self._at += 1

    def _inline_table(self, spot: _Spot | None) -> None:
        self._at += 1
        self._skip(_BLANK)
        while self._next() not in ("}", ""):
            self._pair(spot)
            self._skip(_BLANK)
            if self._next() == ",":
                self._at += 1
                self._skip(_BLANK)
        self._at += 1
