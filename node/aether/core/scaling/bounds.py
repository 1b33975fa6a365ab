"""Between which numbers of instances a slice may be scaled, and whether it may be at all."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits set by the operator and by the nodes; they win over every need."""

    minimum: int
    """Fewest instances wanted."""
    maximum: int
    """Most instances wanted."""
    room: int
    """Instances of this slice the nodes can take in all, those that run now included."""
    held: str = ""
    """Why nothing may be changed now: a roll-out runs, an operator has paused scaling. Empty when it may."""
    keep: str = ""
    """Why nothing may be given up now, though more may be asked for. Empty when it may."""

    def ceiling(self, present: int) -> int:
        """Return how many instances may be wanted at most, `present` being wanted now.

        Too little room stops growth; it takes nothing away from what is there, and nothing from the minimum.
        """
        return max(self.minimum, min(self.maximum, max(self.room, present)))
