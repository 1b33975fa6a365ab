"""What must hold at every commit, whoever made it. Each judge knows one promise.

A leader decides on what its copy of the store showed it a moment ago. Where a promise is about
numbers, what was true within `BLIND_S` before the commit therefore excuses it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aether.core.control.budgets import max_surge, min_available
from aether.core.control.targets import is_retired
from aether.core.model import keys
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.records import TargetRecord, Verdict, WantedRecord
from aether.core.model.view import ClusterView, Placed
from aether.core.store.commands import Change, Changes, Txn
from aether_forge.sim.control.ledger import Ledger, stays

BLIND_S = 6.0
"""Longest time from a leader's look to the commit of what it decided: a write tries 5 s, and its copy
may lag behind."""

_GONE = frozenset({Verdict.LOST, Verdict.DECOMMISSIONED})

_WRITES: dict[str, tuple[str, ...]] = {
    "leader": (
        keys.EPOCH,
        keys.VERDICTS,
        keys.TARGETS,
        keys.WANTED,
        keys.PROVISIONS,
        keys.PROVISIONED,
    ),
    "api": (
        keys.BLUEPRINTS,
        keys.GENERATIONS,
        keys.TOPOLOGY,
        keys.CONFIG,
        keys.ARTIFACTS,
        keys.TARGETS,
        keys.TRAFFIC,
        keys.VERDICTS,
        keys.REMOVED,
    ),
}
_DELETES: dict[str, tuple[str, ...]] = {
    "leader": (keys.PHASES, keys.ROUTES, keys.TRAFFIC, keys.APP),
    "api": (keys.NODES, keys.WANTED, keys.PHASES, keys.PROVISIONS, keys.PROVISIONED),
}
"""What an actor may delete beside what it may write."""


@dataclass(slots=True)
class Court:
    """Where judges look and complain."""

    ledger: Ledger
    now: Callable[[], float]
    complain: Callable[[str], None]
    counts: Counter[str] = field(default_factory=Counter)


class Epochs:
    """At most one epoch's writes land: a leader writes in its own epoch, under that epoch's guard."""

    def __init__(self, court: Court) -> None:
        self._court = court
        self._revision = 0
        """Revision at which the present epoch began."""
        self._epoch = 0

    def judge(self, txn: Txn, changes: Changes) -> None:
        """Look at one commit; the ledger stands after it."""
        kind, _, who = txn.reason.actor.partition(":")
        if kind != "leader":
            return
        epoch = self._court.ledger.epoch
        if any(change.key == keys.EPOCH for change in changes.changes):
            number = epoch.epoch if epoch is not None else 0
            if number != self._epoch + 1:
                self._court.complain(f"epoch {number} follows epoch {self._epoch}")
            self._epoch, self._revision = number, changes.revision
            self._court.counts["epoch begun"] += 1
            return
        guards = {guard.key: guard.mod_revision for guard in txn.guards}
        if epoch is None or epoch.leader != who or guards.get(keys.EPOCH) != self._revision:
            standing = f"epoch {epoch.epoch} of {epoch.leader}" if epoch else "no epoch"
            self._court.complain(f"{who} wrote in {standing} without its guard: {txn.reason.text}")


class Writers:
    """One writer per key family, and every node writes of itself only."""

    def __init__(self, court: Court) -> None:
        self._court = court

    def judge(self, txn: Txn, changes: Changes) -> None:
        """Look at one commit."""
        kind, _, who = txn.reason.actor.partition(":")
        for change in changes.changes:
            if not _may_write(kind, who, change):
                what = "deleted" if change.entry is None else "wrote"
                self._court.complain(f"{txn.reason.actor} {what} {change.key}")


def _may_write(kind: str, who: str, change: Change) -> bool:
    key = change.key
    if kind == "node":
        own = (keys.node(NodeId(who)), f"{keys.PHASES}{who}/", keys.ROUTES, keys.CLUSTER)
        return key.startswith(own)
    allowed = _WRITES.get(kind, ())
    if change.entry is None:
        allowed += _DELETES.get(kind, ())
    return key.startswith(allowed) if allowed else False


class Targets:
    """Which targets a leader may have seen when it decided what is committed now."""

    def __init__(self, court: Court) -> None:
        self._court = court
        self._past: dict[SliceBase, list[tuple[float, TargetRecord]]] = {}
        """Targets that were replaced, with the time of that."""
        self._present: dict[SliceBase, TargetRecord] = {}

    def judge(self, txn: Txn, changes: Changes) -> None:
        """Note the targets that change."""
        del txn
        for change in changes.changes:
            if change.key.startswith(keys.TARGETS):
                self._note(SliceBase(change.key.removeprefix(keys.TARGETS)))

    def _note(self, base: SliceBase) -> None:
        now = self._court.now()
        before = self._present.pop(base, None)
        kept = [one for one in self._past.get(base, []) if one[0] > now - BLIND_S]
        if before is not None:
            kept.append((now, before))
        self._past[base] = kept
        present = self._court.ledger.targets.get(base)
        if present is not None:
            self._present[base] = present

    def seen(self, base: SliceBase) -> list[TargetRecord]:
        """Return the present target and those that stood a moment ago."""
        now = self._court.now()
        found = [one for at, one in self._past.get(base, []) if at > now - BLIND_S]
        present = self._present.get(base)
        return [present, *found] if present is not None else found


class Surge:
    """Never more instances that stay than the target and what it may be exceeded by."""

    def __init__(self, court: Court, targets: Targets) -> None:
        self._court = court
        self._targets = targets
        self._staying: set[Placed] = set()

    def judge(self, txn: Txn, changes: Changes) -> None:
        """Count the slices in which an instance was added."""
        for change in changes.changes:
            if not change.key.startswith(keys.WANTED):
                continue
            placed = keys.read_placed(change.key, keys.WANTED)
            wish = self._court.ledger.wanted.get(placed)
            stay = wish is not None and stays(wish)
            if stay and placed not in self._staying:
                self._count(placed[1].base, txn)
            (self._staying.add if stay else self._staying.discard)(placed)

    def _count(self, base: SliceBase, txn: Txn) -> None:
        ledger = self._court.ledger
        seen = self._targets.seen(base)
        present = [
            placed
            for placed, wish in ledger.wanted_of.get(base, {}).items()
            if stays(wish) and not _is_gone(ledger, placed[0])
        ]
        most = max((one.instances + max_surge(one) for one in seen), default=0)
        if len(present) > most:
            names = ", ".join(f"{instance} on {node}" for node, instance in sorted(present))
            self._court.complain(
                f"{base} has {len(present)} instances that stay, {most} at most: {names}; "
                f"the last: {txn.reason.text}"
            )
        wanted = max((one.instances for one in seen), default=0)
        if len(present) > wanted:
            self._court.counts["more instances than the target for a while"] += 1


def _is_gone(ledger: Ledger, node: NodeId) -> bool:
    verdict = ledger.verdicts.get(node)
    return node not in ledger.nodes or (verdict is not None and verdict.verdict in _GONE)


class Budgets:
    """No decision takes an ACTIVE instance away when fewer than the budget would be left."""

    def __init__(self, court: Court, targets: Targets) -> None:
        self._court = court
        self._targets = targets
        self._served: dict[Placed, float] = {}
        """When each instance that the leader had not told to leave was last ACTIVE."""
        self._wishes: dict[Placed, WantedRecord] = {}

    def judge(self, txn: Txn, changes: Changes) -> None:
        """Look at instances that begin to leave, and keep count of who serves."""
        self._note_serving(changes)
        for placed in _wished(changes):
            before, wish = self._wishes.get(placed), self._court.ledger.wanted.get(placed)
            leaves = wish is not None and not stays(wish)
            if leaves and before is not None and stays(before) and not before.parked:
                self._leaves(placed, txn)
            if leaves:
                self._served.pop(placed, None)
            if wish is None:
                self._wishes.pop(placed, None)
            else:
                self._wishes[placed] = wish

    def _note_serving(self, changes: Changes) -> None:
        """Remember who served a moment ago, whatever ended it, but for the leader's own wish."""
        ledger, now = self._court.ledger, self._court.now()
        view = ledger.view()
        for change in changes.changes:
            if change.key.startswith(keys.PHASES):
                placed = keys.read_placed(change.key, keys.PHASES)
                wish = ledger.wanted.get(placed)
                known = placed in self._served
                if view.is_active(placed) and wish is not None and stays(wish):
                    self._served[placed] = float("inf")
                elif known and self._served[placed] == float("inf"):
                    self._served[placed] = now
            elif change.key.startswith(keys.NODES):
                node = NodeId(change.key.removeprefix(keys.NODES))
                self._note_life(view, node)

    def _note_life(self, view: ClusterView, node: NodeId) -> None:
        """Count what a new life of a node said, from its registration on."""
        for placed, wish in self._court.ledger.wanted.items():
            if placed[0] != node:
                continue
            if view.is_active(placed) and stays(wish):
                self._served[placed] = float("inf")
            elif self._served.get(placed) == float("inf"):
                self._served[placed] = self._court.now()

    def _leaves(self, placed: Placed, txn: Txn) -> None:
        ledger = self._court.ledger
        view, base = ledger.view(), placed[1].base
        excused = (
            not view.is_active(placed)
            or is_retired(view, base)
            or txn.reason.rule == "dependency"
            or _forced(ledger, placed[0])
        )
        if excused:
            return
        serving = sum(1 for _ in self._serving(base, placed))
        budget = min((min_available(one) for one in self._targets.seen(base)), default=0)
        self._court.counts[f"{txn.reason.rule} took an ACTIVE instance away"] += 1
        if serving < budget:
            self._court.complain(
                f"{placed[1]} on {placed[0]} is taken away while {serving} others serve, the budget "
                f"of {base} is {budget}: {txn.reason.text}"
            )
        elif serving == budget:
            self._court.counts["budget used up"] += 1

    def _serving(self, base: SliceBase, but: Placed) -> Iterator[Placed]:
        since = self._court.now() - BLIND_S
        for placed, at in self._served.items():
            if placed[1].base == base and placed != but and at >= since:
                yield placed


def _wished(changes: Changes) -> Iterator[Placed]:
    for change in changes.changes:
        if change.key.startswith(keys.WANTED):
            yield keys.read_placed(change.key, keys.WANTED)


def _forced(ledger: Ledger, node: NodeId) -> bool:
    verdict = ledger.verdicts.get(node)
    return verdict is not None and verdict.drain is not None and verdict.drain.force
