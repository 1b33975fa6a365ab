"""Events in order, from the transactions after a revision whose state is known.

A transaction alone does not say what it changed from; the fold holds the facts so far, tells each
change against them, and then the slices that came up or went down by it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from aether.core.alerts.events import MISSING, Event, Place, Told
from aether.core.alerts.facts import NodeFact, PhaseFact, TargetFact, fact_of, told_of
from aether.core.model import keys
from aether.core.model.alert_records import Severity
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.reason import Reason
from aether.core.model.subjects import CLUSTER, of_slice
from aether.core.model.view import Placed
from aether.core.store.commands import Change, Entry


class EventFold:
    """The facts at one revision; bounded by the keys of the cluster."""

    def __init__(self, revision: int, entries: Iterable[Entry]) -> None:
        self.revision = revision
        """Revision up to which everything has been taken in."""
        self._facts: dict[str, Any] = {}
        self._active: dict[SliceBase, set[Placed]] = {}
        for entry in entries:
            fact = fact_of(entry.key, entry.value)
            if fact is not None:
                self._facts[entry.key] = fact
        for key in sorted(self._facts):
            if key.startswith(keys.PHASES):
                self._note_active(key)

    def take(
        self, revision: int, time_ms: int, reason: Reason, changes: Sequence[Change]
    ) -> tuple[Event, ...]:
        """Take in the next transaction and return what it tells."""
        touched: dict[SliceBase, int] = {}
        told: list[tuple[Told, str]] = []
        for change in changes:
            before = self._facts.get(change.key)
            after = None if change.entry is None else fact_of(change.key, change.entry.value)
            if after is None and change.entry is not None:
                continue  # a record of a later version is not gone: what it said before stands
            told += [(one, change.key) for one in told_of(change.key, before, after)]
            self._put(change.key, before, after, touched)
        told += [(one, "") for one in self._ups_and_downs(touched)]
        self.revision = revision
        return tuple(
            Event(
                place=Place(revision, position),
                time_ms=time_ms,
                type=one.type,
                severity=one.severity,
                subject=one.subject,
                text=one.text,
                reason=reason,
                key=key,
            )
            for position, (one, key) in enumerate(told)
        )

    # -- facts -------------------------------------------------------------------------------------

    def _put(self, key: str, before: object, after: object, touched: dict[SliceBase, int]) -> None:
        if after is None:
            self._facts.pop(key, None)
        else:
            self._facts[key] = after
        placed = _placed(key)
        if placed is not None:
            self._count_before(placed[1].base, touched)
            self._note_active(key)
        elif key.startswith(keys.NODES) and _life(before) != _life(after):
            self._note_life(NodeId(key.removeprefix(keys.NODES)), touched)
        elif key.startswith(keys.TARGETS):
            self._count_before(SliceBase(key.removeprefix(keys.TARGETS)), touched)

    def _note_active(self, key: str) -> None:
        """Note whether an instance serves: ACTIVE, and said so by the present life of its node."""
        placed = _placed(key)
        if placed is None:
            return
        fact: PhaseFact | None = self._facts.get(key)
        serving = self._active.setdefault(placed[1].base, set())
        node: NodeFact | None = self._facts.get(keys.node(placed[0]))
        if fact is not None and fact.state is Phase.ACTIVE and _life(node) == fact.incarnation:
            serving.add(placed)
        else:
            serving.discard(placed)
        if not serving:
            del self._active[placed[1].base]

    def _note_life(self, node: NodeId, touched: dict[SliceBase, int]) -> None:
        """Note what another life of a node makes of what its earlier one said."""
        prefix = f"{keys.PHASES}{node}/"
        for key in [key for key in self._facts if key.startswith(prefix)]:
            placed = _placed(key)
            if placed is not None:
                self._count_before(placed[1].base, touched)
                self._note_active(key)

    # -- slices ------------------------------------------------------------------------------------

    def _count_before(self, base: SliceBase, touched: dict[SliceBase, int]) -> None:
        """Remember how many instances served before the transaction."""
        touched.setdefault(base, len(self._active.get(base, ())))

    def _ups_and_downs(self, touched: dict[SliceBase, int]) -> Iterable[Told]:
        for base in sorted(touched):
            target: TargetFact | None = self._facts.get(keys.target(base))
            before, now = touched[base], len(self._active.get(base, ()))
            if target is None or not target.instances:
                continue  # nobody wants it: that it ends is no failure
            if before and not now:
                text = f"{base} has no ACTIVE instance any more; {target.instances} are wanted"
                yield Told("SLICE_DOWN", Severity.CRITICAL, of_slice(base), text)
            elif now and not before:
                text = f"{base} serves: {now} of {target.instances} instances are ACTIVE"
                yield Told("SLICE_UP", Severity.INFO, of_slice(base), text)


def missing(after: int, until: int, time_ms: int, why: str) -> Event:
    """Return the event that stands for all that happened after one revision and before another."""
    text = (
        f"what happened after revision {after} and up to {until} is not known on this node: {why}"
    )
    return Event(
        place=Place(until, 0),  # the base there tells no events of its own
        time_ms=time_ms,
        type=MISSING,
        severity=Severity.WARNING,
        subject=CLUSTER,
        text=text,
        reason=Reason("chronicle", "gap", why),
    )


def _placed(key: str) -> Placed | None:
    """Return what a `phase/` key is about; None for other keys and for one that cannot be read."""
    if not key.startswith(keys.PHASES):
        return None
    try:
        return keys.read_placed(key, keys.PHASES)
    except ValueError:
        return None


def _life(fact: object) -> str:
    return fact.incarnation if isinstance(fact, NodeFact) else ""
