"""Histories to forecast, in the form they are kept in."""

import math
from array import array

STEPS = 1560
"""A day and two hours of minutes."""


def pasts(slices: int) -> "list[array[float]]":
    """Return that many whole histories, each another."""
    return [
        array("f", [100 + 50 * math.sin((minute + 97 * number) / 200) for minute in range(STEPS)])
        for number in range(slices)
    ]


def gapped(slices: int) -> "list[array[float]]":
    """Return the same with a step missing here and there."""
    found = pasts(slices)
    for number, past in enumerate(found):
        for minute in range(number % 97, STEPS, 97):
            past[minute] = math.nan
    return found
