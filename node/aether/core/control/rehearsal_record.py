"""What is written down while a rehearsal runs: its steps, who serves when, and what follows from it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import sha256

from aether.core.control.budgets import min_available
from aether.core.control.liveness import is_gone
from aether.core.control.rehearsal_outcome import Dip, SliceChange, SliceState, Step, Traffic
from aether.core.control.targets import is_retired
from aether.core.model.ids import InstanceId, SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import (
    AboutSlice,
    Command,
    DropProvision,
    DropRoute,
    DropTarget,
    DropTraffic,
    Forget,
    Judge,
    Provision,
    SetTarget,
    Wish,
)
from aether.core.model.records import TargetRecord, encode
from aether.core.model.view import ClusterView, Placed

_SECONDS = re.compile(r"\d+(\.\d+)? s\b")


class Record:
    """Everything noted from the first look to the last."""

    def __init__(self, before: ClusterView) -> None:
        self._before = before
        self.steps: list[Step] = []
        self._told: list[tuple[str, str]] = []
        self._restarted: set[Placed] = set()
        self._touched: set[SliceBase] = set()
        self._serving: dict[Placed, tuple[SliceBase, str]] = {}
        self._active: dict[SliceBase, Counter[str]] = {}
        self._traffic: dict[SliceBase, list[Traffic]] = {}
        self._first: dict[SliceBase, int] = {}
        present = [placed for placed in before.phases if not is_gone(before, placed[0])]
        self.note_facts(before, present, 0.0)
        self._first = {base: _count(history[0]) for base, history in self._traffic.items()}

    def note_commands(self, view: ClusterView, commands: Iterable[Command], now: float) -> None:
        """Take commands that are about to be carried out on `view`."""
        for command in commands:
            step = _step(view, command, now)
            self.steps.append(step)
            if step.slice is not None:
                self._touched.add(step.slice)
            if isinstance(command, Wish) and command.record.desired is Desired.LOAD:
                placed = (command.node, command.instance)
                if placed in view.wanted:
                    self._restarted.add(placed)
            if not _is_quiet(view, command):
                about = step.slice or f"node {step.node}"
                what = f"{step.verb} {step.instance or step.slice or ''}".rstrip()
                where = f" on {step.node}" if step.node else ""
                self._told.append((about, f"{about}: {what}{where}"))

    def note_facts(self, view: ClusterView, changed: Iterable[Placed], now: float) -> None:
        """Take what became of some instances: who of them serves at `now`."""
        moved: set[SliceBase] = set()
        for placed in changed:
            serves = placed in view.wanted and view.is_active(placed)
            if serves == (placed in self._serving):
                continue
            if serves:
                base, version = placed[1].base, placed[1].version
                self._serving[placed] = (base, version)
                self._active.setdefault(base, Counter())[version] += 1
            else:
                base, version = self._serving.pop(placed)
                self._active[base][version] -= 1
            moved.add(base)
        for base in sorted(moved):
            self._note_traffic(base, now)

    def _note_traffic(self, base: SliceBase, now: float) -> None:
        history = self._traffic.setdefault(base, [])
        before = base in self._first and len(history) == 1  # that stays, whatever happens at once
        if history and history[-1].at_s == now and not before:
            history.pop()
        shares = {version: count for version, count in sorted(self._active[base].items()) if count}
        history.append(Traffic(at_s=now, active=shares))

    def slices(self, end: ClusterView) -> tuple[SliceChange, ...]:
        """Return what became of every slice that anything happened to, by name."""
        first, last = _by_slice(self._before), _by_slice(end)
        found = []
        for base in sorted(self._touched):
            before, after = first.get(base, set()), last.get(base, set())
            again = {placed for placed in self._restarted if placed in before & after}
            found.append(
                SliceChange(
                    base=base,
                    before=_state(self._before, base, self._first.get(base, 0)),
                    after=_state(end, base, self._active.get(base, Counter()).total()),
                    started=_names(after - before),
                    removed=_names(before - after),
                    restarted=_names(again),
                    traffic=tuple(self._traffic.get(base, ())),
                )
            )
        return tuple(found)

    def dips(self, end: ClusterView) -> tuple[Dip, ...]:
        """Return the times in which a slice that stays has less ACTIVE than before and than wanted."""
        return tuple(
            dip
            for base in sorted(self._touched)
            if (target := end.targets.get(base)) is not None and not is_retired(end, base)
            for dip in self._dips(base, target)
        )

    def _dips(self, base: SliceBase, target: TargetRecord) -> Iterator[Dip]:
        usual = min(self._first.get(base, 0), target.instances)
        below: list[Traffic] = []
        for traffic in self._traffic.get(base, ()):
            if _count(traffic) < usual:
                below.append(traffic)
            elif below:
                yield _dip(base, below, usual, target, traffic.at_s)
                below = []
        if below:
            yield _dip(base, below, usual, target, None)

    def outline(self, end: ClusterView, waiting: Iterable[str]) -> tuple[str, ...]:
        """Return the outcome in sentences without times; steps in order, slice by slice.

        The order of steps of different slices is left out: it depends on the pace of the nodes only.
        """
        steps = [line for _, line in sorted(self._told, key=lambda told: told[0])]
        targets = [_target_line(base, target) for base, target in sorted(end.targets.items())]
        nodes = [
            f"node {node} is {judged.verdict}" for node, judged in sorted(end.verdicts.items())
        ]
        places = [f"{instance} is on {node}" for node, instance in sorted(end.wanted)]
        waits = sorted({f"waits: {_SECONDS.sub('some s', text)}" for text in waiting})
        return (*steps, *targets, *nodes, *places, *waits)


def _state(view: ClusterView, base: SliceBase, active: int) -> SliceState | None:
    target = view.targets.get(base)
    if target is None:
        return None
    return SliceState(version=target.version, wanted=target.instances, active=active)


def _names(placed: Iterable[Placed]) -> tuple[InstanceId, ...]:
    return tuple(instance for _, instance in sorted(placed))


def _by_slice(view: ClusterView) -> dict[SliceBase, set[Placed]]:
    found: dict[SliceBase, set[Placed]] = {}
    for placed in view.wanted:
        found.setdefault(placed[1].base, set()).add(placed)
    return found


def _count(traffic: Traffic) -> int:
    return sum(traffic.active.values())


def _dip(
    base: SliceBase, below: list[Traffic], usual: int, target: TargetRecord, to_s: float | None
) -> Dip:
    return Dip(
        slice=base,
        lowest=min(_count(traffic) for traffic in below),
        usual=usual,
        budget=min_available(target),
        from_s=below[0].at_s,
        to_s=to_s,
    )


def _target_line(base: SliceBase, target: TargetRecord) -> str:
    settings = sha256(encode(replace(target, generation=0))).hexdigest()[:16]
    return f"{base} is to have {target.instances} of {target.version}, settings {settings}"


def _is_quiet(view: ClusterView, command: Command) -> bool:
    """Whether the command depends on the moment, and changes nothing that runs.

    Forgiving an old failure, and noting another life of a node that is judged as before.
    """
    match command:
        case Wish(node, instance, record):
            known = view.wanted.get((node, instance))
            return (
                known is not None
                and record == replace(known, attempt=record.attempt, generation=record.generation)
                and record.desired is Desired.ACTIVATE
            )
        case Judge(node, verdict):
            judged = view.verdicts.get(node)
            return judged is not None and judged == replace(verdict, incarnation=judged.incarnation)
        case _:
            return False


def _step(view: ClusterView, command: Command, now: float) -> Step:
    step = Step(at_s=now, verb="", slice=None, instance=None, node=None, why=command.because.text)
    match command:
        case Wish(node, instance, record):
            verb = str(record.desired)
            return replace(step, verb=verb, slice=instance.base, instance=instance, node=node)
        case Forget(node, instance):
            return replace(step, verb="FORGET", slice=instance.base, instance=instance, node=node)
        case Judge(node, verdict):
            return replace(step, verb=str(verdict.verdict), node=node)
        case Provision(node):
            return replace(step, verb="PROVISION", node=node)
        case DropProvision(node):
            return replace(step, verb="DROP PROVISION", node=node)
        case SetTarget() | DropTarget() | DropRoute() | DropTraffic():
            return _slice_step(view, command, step)


def _slice_step(view: ClusterView, command: AboutSlice, step: Step) -> Step:
    match command:
        case SetTarget(base):
            return replace(step, verb="TARGET", slice=base)
        case DropTarget(base):
            return replace(step, verb="DROP TARGET", slice=base)
        case DropRoute(method, place):
            route = view.routes.get((method, place))
            owner = route.slice if route is not None else None
            return replace(step, verb=f"DROP ROUTE {method} {place}", slice=owner)
        case DropTraffic(base):
            return replace(step, verb="DROP TRAFFIC", slice=base)
