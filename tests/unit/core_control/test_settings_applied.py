"""Each setting of the leader, changed at run time, changes what it decides."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from aether.config.runtime_settings import SETTINGS, control_settings
from aether.core.control.reconcile import reconcile
from aether.core.control.signals import ControlSettings, Heard, Signals
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Command
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.reason import Reason
from aether.core.model.records import (
    ConfigRecord,
    Dependency,
    Failure,
    TopologyRecord,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.worlds import (
    SHOP,
    STOCK,
    all_heard,
    fact,
    nodes,
    placed,
    spec,
    target,
    wish,
    with_artifact,
    with_blueprint,
    with_instance,
)

NOW = 10_000.0
N4 = NodeId("n4")
WHERE = placed("n1", f"{SHOP}:1.0.0/0")
TRANSIENT = Failure(kind="transient", message="port in use")

Case = tuple[ClusterView, Signals]


def shop(instances: int = 1, *names: str) -> ClusterView:
    view = with_blueprint(nodes(*(names or ("n1", "n2"))), spec(f"{SHOP}:1.0.0", instances))
    view = with_artifact(view, f"{SHOP}:1.0.0")
    return replace(view, targets={SHOP: target(instances=instances)})


def well(view: ClusterView, for_s: float = 1e6) -> Signals:
    """Everybody reports, and everything has been as it is for so long."""
    since = dict.fromkeys(view.wanted, NOW - for_s)
    return replace(all_heard(view, NOW), reign_began=0.0, since=since)


def silent(for_s: float, verdict: Verdict) -> Case:
    """One node of two has said nothing for so long."""
    view = nodes("n1", "n2")
    doubted = VerdictRecord(verdict=verdict, incarnation="life-1")
    view = replace(view, verdicts={**view.verdicts, NodeId("n1"): doubted})
    signals = well(view)
    return view, replace(
        signals, heard={**signals.heard, NodeId("n1"): Heard("life-1", NOW - for_s)}
    )


def calm(for_s: float) -> Case:
    """Two instances on one node, none on the other, and calm for so long."""
    view = shop(2)
    for ordinal in (0, 1):
        view = with_instance(view, "n1", f"{SHOP}:1.0.0/{ordinal}", wish(), fact())
    return view, replace(well(view), calm_since=NOW - for_s)


def failed(attempt: int, for_s: float) -> Case:
    """The only instance failed so often, the last time so long ago."""
    wanted = wish(Desired.LOAD, 3, attempt)
    view = with_instance(shop(), *WHERE, wanted, fact(Phase.FAILED, 3, failure=TRANSIENT))
    return view, well(view, for_s)


def serving(for_s: float, *, attempt: int = 0, tried: tuple[NodeId, ...] = ()) -> Case:
    """The only instance serves for so long, after failures."""
    wanted = replace(wish(attempt=attempt), tried=tried)
    view = with_instance(shop(), *WHERE, wanted, fact())
    return view, well(view, for_s)


def bereft(for_s: float) -> Case:
    """The shop has been without the stock it requires for so long."""
    view = with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0"))
    needs = replace(target(), dependencies=(Dependency(slice=STOCK),), on_dependency_loss="cascade")
    view = replace(view, targets={SHOP: needs, STOCK: target()})
    view = with_instance(view, *WHERE, wish(), fact())
    stock = wish(Desired.LOAD, 3, attempt=4)
    down = fact(Phase.FAILED, 3, failure=Failure(kind="fatal", message="no module"))
    view = with_instance(view, "n1", f"{STOCK}:1.0.0/0", stock, down)
    return view, replace(well(view), slice_down_since={STOCK: NOW - for_s})


def asked(for_s: float, attempt: int = 0) -> Case:
    """A third node was asked for so long ago."""
    record = ProvisionRecord(node=N4, attempt=attempt, problem="no machine" if attempt else "")
    view = nodes("n1", "n2")
    view = replace(view, topology=TopologyRecord(nodes=3, max_nodes=6), provisions={N4: record})
    return view, replace(well(view), provision_since={N4: NOW - for_s})


CASES: dict[str, tuple[Callable[[], Case], float, str]] = {
    "suspect_after_s": (lambda: silent(1.5, Verdict.ON_DUTY), 1.0, "judge"),
    "lost_after_s": (lambda: silent(4.0, Verdict.SUSPECT), 3.0, "judge"),
    "settle_s": (lambda: calm(2.0), 1.0, "balance"),
    "tries_per_node": (lambda: failed(2, 100.0), 3, "recover"),
    "backoff_first_s": (lambda: failed(0, 0.5), 0.2, "recover"),
    "backoff_most_s": (lambda: failed(3, 7.0), 6.0, "recover"),
    "proven_after_s": (lambda: serving(30.0, attempt=2), 20.0, "recover"),
    "forgive_after_s": (lambda: serving(300.0, tried=(NodeId("n2"),)), 200.0, "recover"),
    "dependency_grace_s": (lambda: bereft(3.0), 1.0, "dependency"),
    "provision_timeout_s": (lambda: asked(30.0), 20.0, "provision"),
    "provision_tries": (lambda: asked(10.0, attempt=2), 2, "provision"),
    "provision_forgive_s": (lambda: asked(200.0, attempt=5), 100.0, "provision"),
}
"""Field of the leader's settings: a situation, a value for it, and the rule that then acts otherwise."""


def test_no_setting_of_the_leader_is_left_out() -> None:
    assert {f"control.{field}" for field in CASES} == {n for n in SETTINGS if "control." in n}


@pytest.mark.parametrize("field", sorted(CASES))
def test_a_change_changes_what_is_decided(field: str) -> None:
    make, value, rule = CASES[field]
    view, signals = make()
    base = ControlSettings(has_provider=True)
    overrides = {("cluster", f"control.{field}"): ConfigRecord(value=value)}
    before = reconcile(view, signals, base, NOW)
    after = reconcile(view, signals, control_settings(base, overrides), NOW)
    acted = [command for command in after.commands if command.because.rule == rule]
    if field == "provision_tries":  # a node given up is told of, not asked for
        assert any("given up" in text for text in after.waiting)
        assert not any("given up" in text for text in before.waiting)
        return
    assert acted, after
    assert {deed(command) for command in acted} - {deed(command) for command in before.commands}


def deed(command: Command) -> str:
    """What is done, whatever the reason given."""
    return str(replace(command, because=Reason("", "", "")))
