"""Between which numbers of instances the leader may scale a slice by itself, and by what figures.

What an author did not name is not moved: a slice has this record only where its blueprint leaves room
between the least and the most (docs/adr/0036).
"""

from dataclasses import dataclass
from typing import Literal

ScaledBy = Literal["", "operator", "controller"]
"""Who said the number of instances last: the blueprint, a person, or the leader's scaling."""

MIN_UTILISATION = 0.1
MAX_UTILISATION = 0.95
MAX_CAPACITY_RPS = 1_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How one slice is scaled by load."""

    least: int
    """Instances scaling never goes below."""
    most: int
    """Instances scaling never goes above; more than `least`."""
    target_utilisation: float | None = None
    """Part of its capacity an instance is to be used at, 0..1; None: as `scaling.target_utilisation` says."""
    capacity_rps: float | None = None
    """Requests a second one instance answers at full use, as its author states; None: it is measured."""


def first_instances(present: int | None, asked: int, scaling: Scaling | None) -> int:
    """Return with how many instances a new generation of a blueprint begins.

    Those that load has called for stay, within the bounds: applying a blueprint under load must not
    take away what carries it. `present` is what is wanted now, None for a slice that is new.

    >>> first_instances(8, 2, Scaling(least=2, most=6))
    6
    >>> first_instances(8, 2, None)
    2
    """
    if present is None or scaling is None:
        return asked
    return max(asked, min(present, scaling.most))
