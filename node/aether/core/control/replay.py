"""Every rule of the leader, and how to make its decision again from the inputs of a reason."""

from collections.abc import Mapping
from itertools import chain

from aether.core.control import (
    balance,
    convergence,
    dependencies,
    division,
    drain,
    healing,
    liveness,
    orphans,
    placement,
    proposals,
    recovery,
    removal,
    scaling,
    targets,
    updates,
)
from aether.core.control.evidence import Evaluate
from aether.core.model.reason import Reason

_MODULES: tuple[Mapping[str, Evaluate], ...] = (
    liveness.RULES,
    targets.RULES,
    drain.RULES,
    balance.RULES,
    placement.RULES,
    convergence.RULES,
    recovery.RULES,
    removal.RULES,
    orphans.RULES,
    updates.RULES,
    dependencies.RULES,
    healing.RULES,
    division.RULES,
    scaling.RULES,
    proposals.RULES,
)

RULES: Mapping[str, Evaluate] = dict(chain.from_iterable(rules.items() for rules in _MODULES))
"""Rule → function from the inputs of a reason to the decision."""


def reevaluate(reason: Reason) -> str:
    """Return what is decided from the inputs of the reason: what its input `decision` says.

    KeyError for a rule no leader knows; ValueError when the inputs are of another rule.
    """
    return RULES[reason.rule](reason.inputs)
