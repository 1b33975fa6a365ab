"""Records that cannot be read, as one of a later version: what they are about stays as it is."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from aether.core.control.reconcile import reconcile
from aether.core.control.signals import ControlSettings
from aether.core.control.targets import is_retired
from aether.core.control.unreadable import MOST_TOLD, Held, name_unreadable
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import Judge, Plan
from aether.core.model.reason import Reason
from aether.core.model.records import Verdict, VerdictRecord, encode
from aether.core.model.view import ClusterView, project
from tests.worlds import (
    APP,
    SHOP,
    all_heard,
    fact,
    nodes,
    placed,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

WHERE = placed("n1", f"{SHOP}:1.0.0/0")


def serving() -> ClusterView:
    view = with_blueprint(nodes("n1", "n2"), spec(f"{SHOP}:1.0.0"))
    view = replace(view, targets={SHOP: target()})
    return with_instance(view, *WHERE, wish(), fact())


def entries(view: ClusterView) -> Iterator[tuple[str, bytes]]:
    for node, record in view.nodes.items():
        yield keys.node(node), encode(record)
        yield keys.verdict(node), encode(view.verdicts[node])
    for base, blueprint in view.blueprints.items():
        yield keys.blueprint(base), encode(blueprint)
    for base, wanted in view.targets.items():
        yield keys.target(base), encode(wanted)
    for where, wanted_there in view.wanted.items():
        yield keys.wanted(*where), encode(wanted_there)
    for where, phase in view.phases.items():
        yield keys.phase(*where), encode(phase)


def with_unreadable(view: ClusterView, key: str) -> ClusterView:
    known = dict(entries(view))
    assert key in known
    return project(((k, b'{"new": 1}' if k == key else v, 1) for k, v in known.items()), 9)


def decided(view: ClusterView, now: float = 5000.0) -> Plan:
    return reconcile(view, all_heard(view, now), ControlSettings(), now)


@pytest.mark.parametrize(
    "key",
    [
        keys.blueprint(APP),
        keys.target(SHOP),
        keys.node(NodeId("n1")),
        keys.verdict(NodeId("n1")),
        keys.wanted(*WHERE),
        keys.phase(*WHERE),
    ],
)
def test_what_cannot_be_read_is_named_and_nothing_is_done_about_it(key: str) -> None:
    view = with_unreadable(serving(), key)
    plan = decided(view)
    assert plan.commands == ()
    assert [text for text in plan.waiting if text.startswith(f"{key} cannot be read")]


def test_slices_of_a_blueprint_that_cannot_be_read_are_kept_as_they_are_wanted() -> None:
    view = with_unreadable(serving(), keys.blueprint(APP))
    assert not is_retired(view, SHOP)
    failed = replace(view, wanted={}, phases={})
    (again,) = decided(failed).commands
    assert "LOAD org.example:shop:1.0.0/0" in again.because.text


def test_other_slices_go_on() -> None:
    view = with_blueprint(serving(), spec(f"{SHOP}:1.0.0"), spec("org.example:stock:1.0.0"))
    view = with_unreadable(view, keys.wanted(*WHERE))
    commands = decided(view).commands
    assert [command.because.rule for command in commands] == ["target", "place"]
    assert "stock" in commands[1].because.text


def test_a_node_is_not_called_empty_while_an_instance_there_cannot_be_read() -> None:
    view = with_unreadable(serving(), keys.wanted(*WHERE))
    empty = VerdictRecord(verdict=Verdict.DECOMMISSIONED, incarnation="life-1")
    held = Held(view)
    assert held.holds(Judge(WHERE[0], empty, Reason("", "drain", "")))
    assert not held.holds(Judge(NodeId("n2"), empty, Reason("", "drain", "")))


def test_who_requires_what_cannot_be_read_is_not_parked() -> None:
    shop = replace(spec(f"{SHOP}:1.0.0"), on_dependency_loss="cascade")
    needed = Artifact("org.example:stock:1.0.0")
    view = with_blueprint(serving(), shop, spec(needed))
    cascades = replace(
        target(),
        dependencies=spec(f"{SHOP}:1.0.0", needs=[needed.base]).dependencies,
        on_dependency_loss="cascade",
    )
    view = replace(view, targets={SHOP: cascades, needed.base: target()})
    stock = placed("n2", f"{needed}/0")
    view = with_instance(view, *stock, wish(), fact())
    down = {needed.base: 1.0}
    for parks in (False, True):
        lost = replace(view, phases={WHERE: fact()})
        seen = lost if parks else with_unreadable(view, keys.phase(*stock))
        signals = replace(all_heard(seen, 5000.0), slice_down_since=down)
        plan = reconcile(seen, signals, ControlSettings(), 5000.0)
        asked = [getattr(command, "record", None) for command in plan.commands]
        gone = [each for each in asked if getattr(each, "desired", None) is Desired.DEACTIVATE]
        assert bool(gone) == parks


def test_so_many_are_named_and_the_others_counted() -> None:
    unreadable = {f"node/n{number}": "not a NodeRecord" for number in range(MOST_TOLD + 3)}
    told = [waiting.text for waiting in name_unreadable(ClusterView(unreadable=unreadable))]
    assert len(told) == MOST_TOLD + 1
    assert told[-1] == "and 3 more records cannot be read"


def test_a_key_that_names_nothing_holds_nothing() -> None:
    view = replace(serving(), unreadable={"wanted/nowhere": "not a key of wanted/"})
    assert Held(view).slices == frozenset()
