"""What differs inside two values: the places where they do, not the values around them. Pure."""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

MOST_LINES = 2_000
"""Lines of two texts that are compared line by line; beyond, they are shown whole."""

Path = str
Change = tuple[Path, object, object]
"""Where, what stood there, and what stands there now; None for nothing."""


def changes_in(before: object, after: object, path: Path = "") -> Iterator[Change]:
    """Yield each place where two JSON values differ, in the order they are written.

    Objects are compared by name, lists by position, texts of several lines by line.

    >>> list(changes_in({"a": {"b": [1, 2]}, "c": 0}, {"a": {"b": [1, 3]}, "c": 0}))
    [('a.b[1]', 2, 3)]
    """
    match before, after:
        case _ if before == after and type(before) is type(after):
            return
        case Mapping(), Mapping():
            for name in [*before, *(name for name in after if name not in before)]:
                inner = f"{path}.{name}" if path else str(name)
                yield from changes_in(before.get(name), after.get(name), inner)
        case list(), list():
            for position in range(max(len(before), len(after))):
                old, new = (
                    each[position] if position < len(each) else None for each in (before, after)
                )
                yield from changes_in(old, new, f"{path}[{position}]")
        case str(), str() if "\n" in before and "\n" in after:
            yield from _lines(before.splitlines(), after.splitlines(), path)
        case _:
            yield path, before, after


def _lines(before: list[str], after: list[str], path: Path) -> Iterator[Change]:
    if len(before) + len(after) > MOST_LINES:
        yield path, "\n".join(before), "\n".join(after)
        return
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if kind != "equal":
            for number in range(old_from, old_to):
                yield f"{path}:{number + 1}", before[number], None
            for number in range(new_from, new_to):
                yield f"{path}:{number + 1}", None, after[number]
