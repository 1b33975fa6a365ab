"""Judges proven to fire: the control plane broken on purpose, in ways that real ones were, is found out.

Each variant says how it is broken, what a violation must say, and within how many seeds it is found.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from aether.agent.manager import NodeDeploymentManager
from aether.agent.stepper import Stepper
from aether.core.control import convergence, drain, evidence, reconcile, updates
from aether.core.control.lowering import claim_epoch, lower
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Event
from aether.core.model.records import TargetRecord
from aether.core.store.commands import Txn
from aether.node.tables import TablePublisher
from aether_forge.sim.control import run as runs
from aether_forge.sim.control.hosts import SimulatedHosts
from aether_forge.sim.control.play import play
from aether_forge.sim.control.scenario import FOLDER, read
from aether_forge.sim.control.settings import Settings, draw
from aether_forge.sim.loop import let_pass

Break = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to be broken."""

    breaks: Break
    kinds: tuple[str, ...]
    says: str
    """A pattern that a violation must match."""
    seeds: int = 8


def writes_without_epoch(patch: pytest.MonkeyPatch) -> None:
    """Leave the guard of the epoch out: a deposed leader's writes land."""

    def unguarded(*given: Any) -> Txn:
        txn = lower(*given)
        guards = tuple(one for one in txn.guards if one.key != keys.EPOCH)
        return msgspec.structs.replace(txn, guards=guards)

    patch.setattr("aether.control.manager.lower", unguarded)


def epoch_begun_over_another(patch: pytest.MonkeyPatch) -> None:
    """Begin an epoch with the number of the last one."""

    def again(view: Any, leader: NodeId) -> Txn:
        epoch = view.epoch
        before = replace(epoch, epoch=epoch.epoch - 1) if epoch else None
        return claim_epoch(replace(view, epoch=before), leader)

    patch.setattr("aether.control.manager.claim_epoch", again)


def writes_facts_of_another_node(patch: pytest.MonkeyPatch) -> None:
    """Let every node write its facts as the first one's."""
    phase = keys.phase
    patch.setattr(keys, "phase", lambda _, instance: phase(NodeId("node-1"), instance))


def no_limit_of_surge(patch: pytest.MonkeyPatch) -> None:
    """Start every instance of a new version at once, whatever the target says."""
    for module in (updates, drain):
        patch.setattr(module, "max_surge", lambda _: 100)


def no_budget(patch: pytest.MonkeyPatch) -> None:
    """Take instances away as if nobody needed any."""

    def nothing(_: TargetRecord) -> int:
        return 0

    for module in (updates, convergence, drain):
        patch.setattr(module, "min_available", nothing)


def tables_are_published_once(patch: pytest.MonkeyPatch) -> None:
    """Give routers one table with endpoints, and never another."""

    async def run(self: Any) -> None:
        published = TablePublisher.__dict__["_was"]
        feed = self._feed
        publish = feed.publish

        def once(table: Any) -> None:
            if not (feed.table is not None and feed.table.instances):
                publish(table)

        self._feed = type("Once", (), {"publish": staticmethod(once), "confirmed": 0})()
        await published(self)

    patch.setattr(TablePublisher, "_was", TablePublisher.run, raising=False)
    patch.setattr(TablePublisher, "run", run)


def decides_other_than_it_says(patch: pytest.MonkeyPatch) -> None:
    """Record another decision than the one that was made."""

    def write(question: object, decision: str) -> dict[str, str]:
        return evidence.write(question, "LOST" if decision == "ON_DUTY" else decision)

    patch.setattr("aether.core.control.liveness.write", write)


def hosts_are_never_ended(patch: pytest.MonkeyPatch) -> None:
    """Say that a host is gone and let it live on."""

    async def unload(self: Any, instance: Any) -> None:
        await let_pass(0.1)

    patch.setattr(SimulatedHosts, "unload", unload)


def facts_are_written_after_the_act(patch: pytest.MonkeyPatch) -> None:
    """Say that an instance is loaded, and do not load it."""

    async def load(self: Any, fact: Any, view: Any) -> None:
        await fact.move(fact.wish.desired, Event.STEP_BEGAN)
        await fact.move(fact.wish.desired, Event.STEP_DONE)

    patch.setattr(Stepper, "_load", load)


def a_node_is_deaf(patch: pytest.MonkeyPatch) -> None:
    """Have one node's agent do nothing at all."""
    turn = NodeDeploymentManager._turn

    async def deaf(self: Any, tasks: Any) -> None:
        if self._node != "node-2":
            await turn(self, tasks)

    patch.setattr(NodeDeploymentManager, "_turn", deaf)


def never_forgets_lost_nodes(patch: pytest.MonkeyPatch) -> None:
    """Leave the instances of lost nodes where they were."""

    def nothing(*_: Any) -> Iterator[Any]:
        return iter(())

    patch.setattr(reconcile, "forget_lost", nothing)
    patch.setattr(reconcile, "follow_losses", nothing)


def deletes_routes_late(patch: pytest.MonkeyPatch) -> None:
    """Keep the routes of slices that are gone."""
    patch.setattr(reconcile, "drop_routes", lambda *_: iter(()))


VARIANTS = {
    "writes without epoch": Variant(writes_without_epoch, ("restart",), "without its guard"),
    "epoch begun over another": Variant(
        epoch_begun_over_another, ("lead elsewhere",), "epoch 0 follows epoch 0|follows epoch"
    ),
    "facts of another node": Variant(
        writes_facts_of_another_node, ("scale",), r"node:node-\d wrote phase/node-1"
    ),
    "no limit of surge": Variant(no_limit_of_surge, ("apply",), "instances that stay", 15),
    "no budget": Variant(no_budget, ("apply", "drain"), "the budget of", 15),
    "tables published once": Variant(
        tables_are_published_once, ("apply", "scale"), "still lists|a request to"
    ),
    "decides other than it says": Variant(
        decides_other_than_it_says, ("restart",), "made again it is"
    ),
    "hosts never ended": Variant(hosts_are_never_ended, ("apply",), "runs and nobody wants it"),
    "loads nothing": Variant(
        facts_are_written_after_the_act, ("scale",), "s after the last fault|does not run"
    ),
    "a deaf node": Variant(a_node_is_deaf, ("scale",), "s after the last fault"),
    "routes kept": Variant(deletes_routes_late, ("delete",), "there still is"),
}


def test_lost_nodes_that_are_not_forgotten_are_found_by_a_scenario(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a seed every node comes back in the end, and with it what was not forgotten."""
    never_forgets_lost_nodes(monkeypatch)
    violations = play(read(FOLDER / "node_lost.toml")).violations
    assert any(re.search("^expected .* but org.example", one) for one in violations), violations


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_broken_on_purpose_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variant = VARIANTS[name]
    variant.breaks(monkeypatch)
    found: list[str] = []
    for seed in range(variant.seeds):
        settings: Settings = replace(
            draw(seed, 3), kinds=variant.kinds, seconds=20.0, met_within_s=20.0
        )
        settings.hosts.slowest_step_s = min(settings.hosts.slowest_step_s, 1.0)
        found += runs.run(settings).violations
        if any(re.search(variant.says, violation) for violation in found):
            break
    assert any(re.search(variant.says, violation) for violation in found), found
