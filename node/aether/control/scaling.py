"""The leader's scaling: once a second, every slice with room to be scaled is looked at and decided on.

`aether.core.scaling.controller.step` decides; this shows it the slice, keeps what was decided to be read,
and hands wishes to the ClusterDeploymentManager, which alone writes. Nothing here is stored: a new leader
begins with the cluster's figures, which every node has, and gives nothing up before it has watched.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from aether.config.scaling_settings import manual_pause_s
from aether.control.scaling_decisions import Decisions, Taken
from aether.control.scaling_look import Looked, Rooms, Standing, look_at
from aether.control.scaling_nodes import ACTOR, NodeScaling
from aether.control.scaling_past import Past, Pasts
from aether.control.scaling_startups import Startups
from aether.core.control.scaling import RULE
from aether.core.control.signals import NodeWish, ScaleWish
from aether.core.metrics.aggregate import SliceLoad
from aether.core.model import keys
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.reason import Reason
from aether.core.model.slice_view import SliceView
from aether.core.model.view import ClusterView
from aether.core.scaling.controller import SliceState, first_state, step
from aether.core.scaling.decision import Decision
from aether.core.scaling.forecast import Forecast
from aether.core.scaling.observation import Observation
from aether.core.scaling.resuming import resumed
from aether.ports import Clock

_log = structlog.get_logger()

_BATCH = 50
"""Slices decided on between two turns of the loop: some 4 ms of work."""

Forecasts = Callable[[], Mapping[SliceBase, Forecast]]


class Loads(Protocol):
    """Who knows the load of slices; `telemetry.cluster_metrics.ClusterMetrics` does."""

    def load(self, base: SliceBase) -> SliceLoad | None:
        """Return how much a slice has to do, None when nobody measured it lately."""
        ...

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever there are new figures."""
        ...


class Control(Protocol):
    """Who carries wishes out; `ClusterDeploymentManager` does."""

    def view(self) -> ClusterView:
        """Return the cluster as this node's copy of the store says it is."""
        ...

    def wish(self, scale: Mapping[SliceBase, ScaleWish], nodes_wish: NodeWish) -> None:
        """Take what load calls for, in the place of what it called for before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingGround:
    """What the loop stands on."""

    node: NodeId
    leader: Callable[[], NodeId | None]
    control: Control
    loads: Loads
    clock: Clock
    forecasts: Forecasts = dict
    """Forecasts by slice, as they are now; none where nobody forecasts."""
    has_provider: bool = False
    """Whether somebody can bring nodes; without, none is given back."""
    past: Past = lambda _: None
    """What is known of a slice's past; nothing where nobody keeps it."""
    wall: Callable[[], float] = time.time
    """Seconds since 1970, for people."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A slice as it was looked at last, and what was decided."""

    looked: Looked
    decision: Decision


class ScalingLoop:
    """Runs on every node; decides only while this node leads."""

    def __init__(self, ground: ScalingGround) -> None:
        self._ground = ground
        self._news = asyncio.Event()
        self._states: dict[SliceBase, SliceState] = {}
        self._startups = Startups()
        self._pasts = Pasts(ground.past)
        self._manual: dict[SliceBase, tuple[int, float]] = {}
        self._advised: dict[SliceBase, tuple[int, float]] = {}
        self._advice: dict[SliceBase, ScaleWish] = {}
        self._in_flight: dict[SliceBase, tuple[float, int]] = {}
        self._nodes = NodeScaling(has_provider=self._ground.has_provider)
        self._broken: dict[SliceBase, str] = {}
        """Slices that could not be decided on in the last second, and why."""
        self.decisions = Decisions()
        self.judged: Mapping[SliceBase, Judged] = {}
        """Every scaled slice as it was judged last; empty while this node does not lead."""
        ground.loads.subscribe(self._news.set)

    @property
    def leads(self) -> bool:
        """Whether this node decides now."""
        return self._ground.leader() == self._ground.node

    @property
    def nodes(self) -> NodeScaling:
        """What load asks of the number of nodes."""
        return self._nodes

    async def run(self) -> None:
        """Decide whenever there are new figures, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            if not self.leads:
                self._forget()
                continue
            try:
                await self.tick()
            except Exception:  # noqa: BLE001 - a bug costs one second's decisions, not the node, and is logged
                _log.exception("scaling broke off")

    def _forget(self) -> None:
        """Begin anew: whoever leads next watches for itself."""
        self._states.clear()
        self._manual.clear()
        self._advised.clear()
        self._advice.clear()
        self._in_flight.clear()
        self._startups = Startups()
        self._pasts.forget()
        self._nodes = NodeScaling(has_provider=self._ground.has_provider)
        self._broken.clear()
        self.decisions = Decisions()
        self.judged = {}

    async def tick(self) -> None:
        """Look at every slice with room to be scaled, decide, and hand out what is wanted."""
        view, now = self._ground.control.view(), self._ground.clock.now()
        rooms, forecasts = Rooms(view), self._ground.forecasts()
        judged: dict[SliceBase, Judged] = {}
        wishes: dict[SliceBase, ScaleWish] = {}
        slices = scaled_slices(view)
        for number, one in enumerate(slices):
            if number % _BATCH == _BATCH - 1:
                await self._ground.clock.sleep(0)
            found = self._decided(view, one, rooms, now, forecasts)
            if found is None:
                continue
            judged[one.base] = found
            if found.decision.kind != "hold":
                wishes[one.base] = _wish(view, one.base, found.decision)
            self._keep(one.base, found.decision)
        self._drop_unknown({one.base for one in slices})
        if not self.leads:
            return  # it ended while slices were looked at
        nodes_wish = self._nodes.step(view, rooms, judged, now)
        self.judged = judged
        self._ground.control.wish({**wishes, **self._advice_beside(wishes)}, nodes_wish)
        await self._learn(judged)

    def _decided(
        self,
        view: ClusterView,
        one: SliceView,
        rooms: Rooms,
        now: float,
        forecasts: Mapping[SliceBase, Forecast],
    ) -> Judged | None:
        """Decide on one slice, and remember it; None, and watching begins anew, where that breaks off."""
        base = one.base
        try:
            self._startups.note(one, now)
            self._note_manual(view, base, now)
            found, self._states[base] = self._judge(view, one, rooms, now, forecasts)
            self._note_in_flight(base, found.looked.seen)
        except Exception as problem:  # noqa: BLE001 - a bug with one slice leaves the others scaled, and is logged
            if self._broken.get(base) != repr(problem):
                _log.exception("scaling of a slice broke off; it is left as it is", slice=base)
            self._broken[base] = repr(problem)
            self._states.pop(base, None)
            return None
        self._broken.pop(base, None)
        return found

    async def _learn(self, judged: Mapping[SliceBase, Judged]) -> None:
        """Learn from the history of one slice that has not been learnt from in this reign."""
        for base, one in judged.items():
            looked = one.looked
            learnt = await self._pasts.learnt(
                base, self._states[base], looked.seen, looked.bounds, looked.settings
            )
            if learnt is not None:
                self._states[base] = resumed(self._states[base], learnt)
                return

    def _advice_beside(self, wishes: Mapping[SliceBase, ScaleWish]) -> dict[SliceBase, ScaleWish]:
        """Return the advice that is carried out now: where the rules want another number, they win."""
        advice, self._advice = self._advice, {}
        return {
            base: wish
            for base, wish in advice.items()
            if base not in wishes or wishes[base].instances == wish.instances
        }

    def _judge(
        self,
        view: ClusterView,
        one: SliceView,
        rooms: Rooms,
        now: float,
        forecasts: Mapping[SliceBase, Forecast],
    ) -> tuple[Judged, SliceState]:
        standing = self.standing(view, one.base, now)
        load = self._ground.loads.load(one.base)
        looked = look_at(view, one, load, rooms, standing, now)
        state = self._states.get(one.base) or first_state(looked.seen)
        state, decision = step(
            state, looked.seen, looked.bounds, looked.settings, forecasts.get(one.base)
        )
        return Judged(looked, decision), state

    def standing(self, view: ClusterView, base: SliceBase, now: float) -> Standing:
        """Return what is known of a slice beside the store and the figures: pauses, advice, start-up."""
        floor, until = self._advised.get(base, (0, 0.0))
        return Standing(
            startup_s=self._startups.p90_s(base),
            paused=self._paused(view, base, now),
            advised=floor if now < until else 0,
            before=self._in_flight.get(base),
        )

    def _note_in_flight(self, base: SliceBase, seen: Observation) -> None:
        if seen.in_flight is None:
            self._in_flight.pop(base, None)
        else:
            self._in_flight[base] = (seen.at, round(seen.in_flight))

    def _paused(self, view: ClusterView, base: SliceBase, now: float) -> str:
        """Return why a person's word counts now: for a while after it was seen first."""
        target = view.targets.get(base)
        if target is None or target.scaled_by != "operator":
            return ""
        known, since = self._manual.get(base, (-1, now))
        if known != view.revisions.get(keys.target(base), 0):
            since = now
        left = manual_pause_s(view, base) - (now - since)
        if left <= 0:
            return ""
        return f"{target.instances} instances were set by hand and are let be for {left:.0f} s more"

    def _note_manual(self, view: ClusterView, base: SliceBase, now: float) -> None:
        """Remember when a number that a person set was seen first."""
        target = view.targets.get(base)
        if target is None or target.scaled_by != "operator":
            self._manual.pop(base, None)
            return
        revision = view.revisions.get(keys.target(base), 0)
        known, _ = self._manual.get(base, (-1, now))
        if known != revision:
            self._manual[base] = (revision, now)

    def advise(self, base: SliceBase, wish: ScaleWish, hold_s: float) -> None:
        """Take an advisor's proposal that was found good: carried out once, kept as the least for a while."""
        self._advice[base] = wish
        self._advised[base] = (wish.instances, self._ground.clock.now() + hold_s)

    async def evaluate(self) -> Mapping[SliceBase, Judged]:
        """Return what would be decided now about every slice; nothing is kept and nothing done."""
        view, now = self._ground.control.view(), self._ground.clock.now()
        rooms, forecasts = Rooms(view), self._ground.forecasts()
        found: dict[SliceBase, Judged] = {}
        for number, one in enumerate(scaled_slices(view)):
            if number % _BATCH == _BATCH - 1:
                await self._ground.clock.sleep(0)
            found[one.base], _ = self._judge(view, one, rooms, now, forecasts)
        return found

    def _keep(self, base: SliceBase, decision: Decision) -> None:
        rule = f"{RULE}{decision.rule}"
        if not self.decisions.is_news(base, ACTOR, rule, decision.wanted):
            return
        self.note(
            Taken(
                number=0,
                at_ms=0,
                slice=base,
                actor=ACTOR,
                before=decision.asked.target,
                wanted=decision.wanted,
                kind=decision.kind,
                rule=rule,
                text=decision.text,
                inputs=decision.inputs,
                rejected=decision.rejected,
            )
        )

    def note(self, taken: Taken) -> None:
        """Keep a decision among those that can be read, with its number and time."""
        at_ms = int(self._ground.wall() * 1000)
        self.decisions.add(replace(taken, number=self.decisions.next_number, at_ms=at_ms))

    def _drop_unknown(self, bases: set[SliceBase]) -> None:
        """Forget slices that are not scaled any more."""
        tables: tuple[dict[SliceBase, Any], ...] = (
            *(self._states, self._manual, self._advised, self._advice, self._in_flight),
            self._broken,
        )
        for known in tables:
            for base in [base for base in known if base not in bases]:
                del known[base]
        self._startups.keep_only(bases)
        self._pasts.keep_only(bases)
        self.decisions.keep_only(bases)


def scaled_slices(view: ClusterView) -> list[SliceView]:
    """Return the slices whose blueprints leave room for scaling, in order."""
    return [
        one
        for base, one in sorted(view.slices().items())
        if one.target is not None and one.target.scaling is not None and base in view.targets
    ]


def _wish(view: ClusterView, base: SliceBase, decision: Decision) -> ScaleWish:
    return ScaleWish(
        instances=decision.wanted,
        based_on=view.revisions.get(keys.target(base), 0),
        generation=view.targets[base].generation,
        because=Reason(
            "",
            f"{RULE}{decision.rule}",
            f"{base}: {decision.text}",
            decision.inputs,
            decision.rejected,
        ),
    )
