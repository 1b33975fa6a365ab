"""A course of numbers as a line of blocks."""

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """Return at most `width` blocks, each the mean of its part, from the lowest to the highest."""
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    parts = [
        values[number * len(values) // count : (number + 1) * len(values) // count]
        for number in range(count)
    ]
    means = [sum(part) / len(part) for part in parts]
    low, high = min(means), max(means)
    if high <= low:
        return _BLOCKS[0] * count
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((mean - low) / (high - low) * top)] for mean in means)
