"""Where in a TOML text each value stands: no parser tells, and an operator needs the line.

Rules for this file: the text has been parsed before, so it is valid; what is looked for is only
the first character of every key and array element.
"""

import re
from collections.abc import Mapping

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
    return _Scanner(text).scan()


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


class _Scanner:
    """Walks the text once, keeping the table it is in."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._line_start = 0
        self._counted_to = 0
        self._table: Path = ()
        self._tables_in: dict[Path, int] = {}
        self._places: dict[Path, Place] = {}

    def scan(self) -> Mapping[Path, Place]:
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                self._header()
            else:
                self._pair(self._table)
            self._skip(_BLANK)
        return self._places

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _remember(self, path: Path, at: int) -> None:
        """Keep the first place of `path`; columns count characters, as editors do."""
        if path in self._places:
            return
        passed = self._text.count("\n", self._counted_to, at)
        if passed:
            self._line += passed
            self._line_start = self._text.rfind("\n", 0, at) + 1
        self._counted_to = at
        self._places[path] = (self._line, at - self._line_start + 1)

    def _header(self) -> None:
        is_array = self._text.startswith("[[", self._at)
        brackets = 2 if is_array else 1
        self._at += brackets
        self._skip(_INLINE_BLANK)
        start, parts = self._at, self._dotted()
        path: Path = ()
        for number, part in enumerate(parts, start=1):
            path = (*path, part)
            if is_array and number == len(parts):
                self._tables_in[path] = self._tables_in.get(path, 0) + 1
            self._remember(path, start)
            if path in self._tables_in:
                path = (*path, self._tables_in[path] - 1)
                self._remember(path, start)
        self._at += brackets
        self._table = path

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

    def _pair(self, table: Path) -> None:
        path, start = table, self._at
        for part in self._dotted():
            path = (*path, part)
            self._remember(path, start)
        self._at += 1
        self._skip(_INLINE_BLANK)
        self._value(path)

    def _value(self, path: Path) -> None:
        match self._next():
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._skip(_STRING)
            case _:
                self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        self._at += 1
        self._skip(_BLANK)
        position = 0
        while self._next() not in ("]", ""):
            self._remember((*path, position), self._at)
            self._value((*path, position))
            self._skip(_BLANK)
            if self._next() == ",":
                self._at += 1
                self._skip(_BLANK)
            position += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        self._skip(_BLANK)
        while self._next() not in ("}", ""):
            self._pair(path)
            self._skip(_BLANK)
            if self._next() == ",":
                self._at += 1
                self._skip(_BLANK)
        self._at += 1
