"""Every committed decision of a leader, made again from its recorded inputs, comes out the same."""

from aether.core.control import replay
from aether.core.store.commands import Changes, Txn
from aether_forge.sim.control.judges import Court

_NO_DECISIONS = ("lead", "provider")
"""What is written without a choice: that a node leads, and what a provider answered."""


class Reasons:
    """Re-evaluates the reason of each write of a leader."""

    def __init__(self, court: Court) -> None:
        self._court = court

    def judge(self, txn: Txn, changes: Changes) -> None:
        """Look at one commit."""
        del changes
        reason = txn.reason
        if not reason.actor.startswith("leader:") or reason.rule in _NO_DECISIONS:
            return
        if reason.rule not in replay.RULES:
            self._court.counts[f"no rule to make {reason.rule} again"] += 1
            return
        try:
            again = replay.reevaluate(reason)
        except (KeyError, ValueError) as problem:
            self._court.complain(f"{reason.rule} cannot be made again ({problem!r}): {reason.text}")
            return
        if again != reason.inputs.get("decision"):
            self._court.complain(
                f"{reason.rule} was {reason.inputs.get('decision')!r}, made again it is {again!r}: "
                f"{reason.text}"
            )
