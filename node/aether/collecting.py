"""How often a long-lived process looks for cycles: seldom, and never among what it loaded at its start."""

import gc

THRESHOLDS = (50_000, 50, 100)
"""Allocations between two collections of the youngest objects, and how rarely older ones are looked
through. Records, entries and commands hold no cycles and are freed by their counts: with the defaults of
CPython a leader's first look at 10,000 of them spends a fifth of its time in collections."""


def collect_seldom() -> None:
    """Leave what was loaded so far out of every collection, and collect seldom from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
