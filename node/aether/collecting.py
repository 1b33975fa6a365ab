"""How often a long-lived process looks for cycles: seldom, and never among what it loaded at its start."""

import gc

EVERY = 10_000
"""Allocations between two collections of the youngest objects. Records, entries and commands hold no cycles
and are freed by their counts: with the 700 of CPython a leader's first look at 10,000 of them spends a fifth
of its time in collections. With 50,000, what strangers' broken connections leave behind took 19 MiB of a node
before it was collected."""
_OLDER = (20, 50)
"""How many collections of the younger objects there are for one of the older."""


def collect_seldom(every: int = EVERY) -> None:
    """Leave what was loaded so far out of every collection; collect after so many allocations from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(every, *_OLDER)
