"""What the writer of an unknown name probably meant."""

from collections.abc import Iterable

from aether.core.model.nearness import nearest

MOST_LISTED = 30
"""Known names that are listed when none is near."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or the known names when none is near."""
    names = sorted(known)
    near = nearest(name, names)
    if near is not None:
        return f"; did you mean {near!r}?"
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"; known: {', '.join(names[:MOST_LISTED])}{more}" if names else ""
