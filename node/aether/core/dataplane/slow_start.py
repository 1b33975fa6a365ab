"""Slow start: a new instance comes to its full share in a straight line, from a tenth of it."""

FIRST_PART = 0.1
"""Part of a full share that a new instance begins with."""


def ramp(age_s: float, slow_start_s: float) -> float:
    """Return the part of its full share for an instance first seen `age_s` ago: 0.1 to 1."""
    if age_s >= slow_start_s:
        return 1.0
    return FIRST_PART + (1.0 - FIRST_PART) * max(age_s, 0.0) / slow_start_s
