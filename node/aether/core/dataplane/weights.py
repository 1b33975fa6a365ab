"""Smooth weighted turns: who is next, so that each gets its part of any stretch of requests.

Each share's credit grows by its part of one request at every turn, and the one with the most
credit is taken and pays a whole request. Credits sum up to what they summed up to before, so that
nobody runs ahead or falls behind by more than about one request for each share there is, however
long it goes on; a share of 1 % is met within a few hundred requests, not on average some day.

Credits are counted in requests, not in weights: they stay right when weights change, and a share
that is away for a while (its instances were tried, or set aside) comes back to the credit it had,
not to a debt that the others owe it.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from aether.core.model.traffic import VersionWeight


class Share:
    """One that takes turns; `part` of all requests is its own, above 0 and at most 1."""

    __slots__ = ("credit", "part")

    def __init__(self, part: float, credit: float = 0.0) -> None:
        self.part = part
        self.credit = credit


_LEAST = float("-inf")
AnyShare = TypeVar("AnyShare", bound=Share)


def next_share(shares: Sequence[AnyShare], total: float = 1.0) -> AnyShare:
    """Return whose turn it is, and charge it; `total` is the sum of the parts of `shares`."""
    best, most = shares[0], _LEAST
    for share in shares:
        share.credit = credit = share.credit + share.part / total
        if credit > most:
            best, most = share, credit
    best.credit = most - 1.0
    return best


def give_back(taken: Share, shares: Sequence[Share], total: float = 1.0) -> None:
    """Undo a turn that `taken`, one of `shares`, was given and could not use."""
    for share in shares:
        share.credit -= share.part / total
    taken.credit += 1.0


def sum_of_parts(shares: Sequence[Share]) -> float:
    """Return what `next_share` and `give_back` take as the total of these shares."""
    return sum(share.part for share in shares)


def parts_of(weights: Sequence[VersionWeight], counts: Mapping[str, int]) -> dict[str, float]:
    """Return the part of each version that gets requests; `counts` are instances by version.

    Versions that have no instance leave theirs to the others, by their weights. Without weights, or
    when no version with a weight has an instance, there is one part, of all: the name is empty.
    """
    heavy = {each.version: each.weight for each in weights if counts.get(each.version)}
    total = sum(heavy.values())
    if total <= 0:
        return {"": 1.0}
    return {version: weight / total for version, weight in heavy.items() if weight > 0}
