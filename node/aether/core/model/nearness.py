"""Which known name the writer of an unknown one probably meant, at a cost that stays small."""

from collections.abc import Iterable
from difflib import SequenceMatcher

LONGEST = 96
"""Characters of a name that are looked at."""
MOST_KNOWN = 1_000
"""Names looked through, in their order; later ones are not guessed."""
_CLOSER = 8
"""Names that share most pairs of letters are compared letter by letter."""
_NEAR = 0.6
"""Least likeness of a guess, as difflib counts it."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, the first of equals; None when none is near.

    >>> nearest("instanecs", ["id", "instances"])
    'instances'
    """
    pairs = _pairs(name)
    ranked: list[tuple[float, int, str]] = []
    for position, other in zip(range(MOST_KNOWN), known, strict=False):
        theirs = _pairs(other)
        shared = len(pairs & theirs) / (len(pairs) + len(theirs))
        if shared > 0:
            ranked.append((-shared, position, other))
    if not ranked:
        return None
    ranked.sort()
    matcher = SequenceMatcher(b=name[:LONGEST], autojunk=False)
    best, likeness = None, _NEAR
    for _, _, other in ranked[:_CLOSER]:
        matcher.set_seq1(other[:LONGEST])
        # Each of the first two costs less than the one after it, and is never less.
        if matcher.real_quick_ratio() > likeness and matcher.quick_ratio() > likeness:
            found = matcher.ratio()
            if found > likeness:
                best, likeness = other, found
    return best


def _pairs(name: str) -> frozenset[str]:
    padded = f" {name[:LONGEST]} "
    return frozenset(padded[at : at + 2] for at in range(len(padded) - 1))
