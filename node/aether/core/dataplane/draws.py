"""A seeded sequence of numbers that look random: equal seeds give equal sequences, everywhere.

A linear congruential generator of 64 bits, of which the upper bits are used: two multiplications a
draw and no allocation beyond the numbers. Good enough to spread requests, not to keep secrets.
"""

_MASK = (1 << 64) - 1
_FACTOR = 6364136223846793005
_STEP = 1442695040888963407


class Draws:
    """Numbers drawn one after the other."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK
        for _ in range(4):  # small seeds that lie side by side part ways first
            self.below(1)

    def below(self, size: int) -> int:
        """Return a number from 0 to `size` - 1; `size` is from 1 to 2**31."""
        self._state = state = (self._state * _FACTOR + _STEP) & _MASK
        return ((state >> 33) * size) >> 31

    def unit(self) -> float:
        """Return a number from 0 to below 1."""
        return self.below(1 << 31) / (1 << 31)
