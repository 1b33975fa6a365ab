"""Plain aligned text for people: tables and lists of named values.

Long values are cut on a terminal only: whoever pipes a table on wants all of it.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MAX_CELL = 72
"""Longest text of a table's cell on a terminal; longer ones end in three dots."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below their headings."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def printable(text: str) -> str:
    """Write control characters as escapes, so that data cannot steer a terminal."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def longest_text(on_terminal: int = MAX_CELL) -> int:
    """Return how long a text may be where it is shown: so long on a terminal, else of any length."""
    return on_terminal if sys.stdout.isatty() else sys.maxsize


def cell(value: object, limit: int | None = None) -> str:
    """Return a value as one line of at most `limit` characters (as `longest_text`); nothing is a dash."""
    limit = longest_text() if limit is None else limit
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return cell(",".join(f"{key}={item}" for key, item in value.items()), limit)
        case list() | tuple():
            return cell(",".join(str(item) for item in value), limit)
    text = printable(str(value))
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def table_of(items: Iterable[Mapping[str, object]], columns: Mapping[str, str]) -> Table:
    """Build a table from JSON objects; `columns` maps each heading to the field below it."""
    return Table(
        tuple(columns),
        tuple(tuple(cell(item.get(field)) for field in columns.values()) for item in items),
    )


def render_table(table: Table) -> list[str]:
    """Return the lines of a table: columns two blanks apart, no blanks at line ends."""
    lines = [table.headings, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.headings))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def render_pairs(pairs: Sequence[tuple[str, object]]) -> list[str]:
    """Return `name: value` lines with the values in one column, none cut short."""
    width = max((len(name) for name, _ in pairs), default=0) + 1
    return [f"{name + ':':<{width}}  {cell(value, sys.maxsize)}" for name, value in pairs]
