"""How far a slice may be from its target: never too few by an operator's act, never too many at once.

Worked example: 5 instances wanted. The default budget keeps 3 ACTIVE; a rolling update starts at most
2 more than 5; an immediate one at most 5 more.
"""

from math import ceil

from aether.core.model.records import TargetRecord

SURGE_SHARE = 0.25
"""Part of the target a rolling update may add at a time, as in Kubernetes' maxSurge."""


def min_available(target: TargetRecord) -> int:
    """Return how many instances must stay ACTIVE whatever an operator does (DESIGN §6)."""
    if target.min_available is not None:
        return min(target.min_available, target.instances)
    return ceil(target.instances / 2)


def max_surge(target: TargetRecord) -> int:
    """Return how many instances beyond the target may be there, those on their way out not counted."""
    if target.update.strategy == "immediate":
        return target.instances
    if target.update.max_surge is not None:
        return max(1, target.update.max_surge)
    return max(1, ceil(target.instances * SURGE_SHARE))
