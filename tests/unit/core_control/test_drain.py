"""Draining nodes: replacement first, within budget and surge, and in the end empty."""

from collections.abc import Iterable
from dataclasses import replace

from aether.core.control.drain import RULES, Evacuation, decide, evacuate
from aether.core.control.reconcile import reconcile
from aether.core.control.removal import is_leaving
from aether.core.control.signals import ControlSettings, Heard, Signals
from aether.core.control.waiting import Waiting
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Judge, Wish, carry_out
from aether.core.model.records import (
    DrainOrder,
    Failure,
    Placement,
    TargetRecord,
    Update,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.worlds import (
    SHOP,
    STOCK,
    all_heard,
    fact,
    node_record,
    nodes,
    obey,
    placed,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

SETTINGS = ControlSettings()
N1, N2 = NodeId("n1"), NodeId("n2")


def draining(view: ClusterView, *names: str, force: bool = False) -> ClusterView:
    order = DrainOrder(by="api:anonymous", force=force)
    verdict = VerdictRecord(verdict=Verdict.DRAINING, incarnation="life-1", drain=order)
    return replace(view, verdicts={**view.verdicts, **{NodeId(name): verdict for name in names}})


def serving(
    on: Iterable[str], *, wanted: TargetRecord | None = None, capacity: int = 200
) -> ClusterView:
    """Three nodes; one ACTIVE instance of the shop for each name in `on`."""
    hosts = list(on)
    view = nodes("n1", "n2", "n3", capacity=capacity)
    view = with_blueprint(view, spec(f"{SHOP}:1.0.0", len(hosts)))
    view = replace(view, targets={SHOP: wanted or target(instances=len(hosts))})
    for ordinal, node in enumerate(hosts):
        view = with_instance(view, node, f"{SHOP}:1.0.0/{ordinal}", wish(), fact())
    return view


def look(view: ClusterView) -> list[Judge | Wish | Waiting]:
    return list(evacuate(view, Signals(reign_began=0.0), SETTINGS, 100.0))


def wishes(view: ClusterView) -> list[Wish]:
    return [step for step in look(view) if isinstance(step, Wish)]


def sentences(view: ClusterView) -> list[str]:
    return [step.text for step in look(view) if isinstance(step, Waiting)]


def moves(view: ClusterView) -> list[tuple[str, str]]:
    """Who replaces whom: (node of the new instance, key of the old one)."""
    return [(w.node, w.record.replaces) for w in wishes(view) if w.record.replaces]


def leaving(view: ClusterView) -> list[str]:
    return [w.instance for w in wishes(view) if is_leaving(w.record)]


def test_a_replacement_is_placed_elsewhere_before_anything_goes() -> None:
    view = draining(serving(["n1", "n2"]), "n1")
    assert moves(view) == [("n3", f"n1/{SHOP}:1.0.0/0")]
    assert leaving(view) == []


def test_the_example_of_the_module() -> None:
    four = replace(target(instances=4), update=Update(max_surge=1))
    view = draining(serving(["n1", "n1", "n2", "n3"], wanted=four), "n1")
    assert len(moves(view)) == 1
    assert sentences(view) == [
        f"n1 drains: 1 of {SHOP} wait there: 4 of 4 serve, at least 2 must, "
        "and no more than 1 may be there beyond the target"
    ]
    full = draining(serving(["n1", "n1", "n2", "n3"], wanted=four, capacity=1), "n1")
    assert leaving(full) == [f"{SHOP}:1.0.0/0", f"{SHOP}:1.0.0/1"]
    strict = replace(four, min_available=3)
    tight = draining(serving(["n1", "n1", "n2", "n3"], wanted=strict, capacity=1), "n1")
    assert leaving(tight) == [f"{SHOP}:1.0.0/0"]
    (why,) = sentences(tight)
    assert "3 of 4 serve, at least 3 must, and no node can take it" in why
    assert "of 3 nodes 1 not on duty, 2 full" in why


def test_what_is_missing_counts_as_if_it_were_placed_already() -> None:
    five = replace(target(instances=5), update=Update(max_surge=2))
    view = draining(serving(["n1", "n1", "n2"], wanted=five), "n1")
    assert len(moves(view)) == 2
    beside = with_instance(
        view, "n2", f"{SHOP}:1.0.0/9", replace(wish(Desired.LOAD, 1), replaces="n1/gone"), None
    )
    assert len(moves(beside)) == 2
    moving = replace(wish(Desired.LOAD, 1), replaces=f"n1/{SHOP}:1.0.0/0")
    assert len(moves(with_instance(view, "n2", f"{SHOP}:1.0.0/9", moving, None))) == 1


def test_several_nodes_drain_within_one_budget_and_one_surge() -> None:
    four = replace(target(instances=4), update=Update(max_surge=1))
    view = draining(serving(["n1", "n1", "n2", "n2"], wanted=four), "n1", "n2")
    assert moves(view) == [("n3", f"n1/{SHOP}:1.0.0/0")]
    full = replace(
        view, nodes={n: replace(r, capacity=0 if n == "n3" else 9) for n, r in view.nodes.items()}
    )
    assert leaving(full) == [f"{SHOP}:1.0.0/0", f"{SHOP}:1.0.0/1"]
    assert [text.split(":")[0] for text in sentences(full)] == ["n2 drains"]


def test_no_replacement_goes_to_a_draining_or_silent_node_or_one_without_the_labels() -> None:
    view = draining(serving(["n1", "n2"]), "n1", "n2")
    suspect = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    alone = replace(view, verdicts={**view.verdicts, NodeId("n3"): suspect})
    assert moves(alone) == []
    ssd = replace(target(instances=2), placement=Placement(require={"disk": "ssd"}))
    view = draining(serving(["n1", "n2"], wanted=ssd), "n1")
    assert moves(view) == []


def test_instances_that_do_not_serve_just_leave() -> None:
    view = serving(["n1", "n2", "n3"], wanted=replace(target(instances=5), min_available=5))
    loading, failed = wish(Desired.LOAD, 1), fact(Phase.FAILED, 1)
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/8", loading, fact(Phase.LOADING, 1))
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/9", loading, failed)
    assert leaving(draining(view, "n1")) == [f"{SHOP}:1.0.0/8", f"{SHOP}:1.0.0/9"]


def test_what_served_in_another_life_of_its_node_is_asked_about_before_it_goes() -> None:
    view = draining(serving(["n1", "n2"]), "n1")
    where = placed("n1", f"{SHOP}:1.0.0/0")
    stale = replace(view, phases={**view.phases, where: fact(incarnation="life-2")})
    assert wishes(stale) == []
    assert "begun a new life" in sentences(stale)[0]
    gone = replace(view, phases={**view.phases, where: fact(Phase.FAILED)})
    assert [step.record.desired for step in wishes(gone)] == [Desired.UNLOAD]
    forced = wishes(draining(stale, "n1", force=True))
    assert [step.record.desired for step in forced] == [Desired.DEACTIVATE]


def test_parked_instances_leave_without_counting_to_the_budget() -> None:
    parked = replace(wish(Desired.DEACTIVATE, 3), parked=True)
    view = serving(["n2", "n3"], wanted=replace(target(instances=2), min_available=2))
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/7", parked, fact(Phase.LOADED, 3))
    (step,) = wishes(draining(view, "n1"))
    assert (step.record.desired, step.record.parked) == (Desired.UNLOAD, False)


def test_retired_slices_are_left_to_their_removal() -> None:
    view = with_instance(serving(["n2"]), "n1", f"{STOCK}:1.0.0/0", wish(), fact())
    assert look(draining(view, "n1")) == []
    plan = reconcile(draining(view, "n1"), all_heard(view, 100.0), SETTINGS, 100.0)
    gone = [c.instance for c in plan.commands if isinstance(c, Wish) and is_leaving(c.record)]
    assert gone == [f"{STOCK}:1.0.0/0"]


def test_force_leaves_at_once_even_while_a_replacement_is_under_way() -> None:
    view = draining(serving(["n1", "n1"]), "n1", force=True)
    assert leaving(view) == [f"{SHOP}:1.0.0/0", f"{SHOP}:1.0.0/1"]
    moving = replace(wish(Desired.LOAD, 1), replaces=f"n1/{SHOP}:1.0.0/0")
    assert len(leaving(with_instance(view, "n2", f"{SHOP}:1.0.0/9", moving, None))) == 2


def test_where_every_node_gave_it_up_it_leaves_within_its_budget_or_waits() -> None:
    view = draining(serving(["n1", "n2"]), "n1")
    tried = replace(wish(), tried=(NodeId("n2"), NodeId("n3")))
    within = with_instance(view, "n1", f"{SHOP}:1.0.0/0", tried, fact())
    assert leaving(within) == [f"{SHOP}:1.0.0/0"]
    strict = replace(target(instances=2), min_available=2)
    (why,) = sentences(replace(within, targets={SHOP: strict}))
    assert why.endswith("2 of 2 serve, at least 2 must, and every node with room gave it up")


def test_an_outdated_instance_waits_for_its_update_and_leaves_when_that_has_failed() -> None:
    new = replace(target("2.0.0", 2), min_available=1)
    view = draining(serving(["n1", "n2"], wanted=new), "n1")
    view = with_blueprint(view, spec(f"{SHOP}:2.0.0", 2))
    assert sentences(view) == [
        f"n1 drains: 1 of {SHOP} wait there: the update to 2.0.0 replaces them"
    ]
    bad = fact(Phase.FAILED, 1, failure=Failure(kind="fatal", message="no such module"))
    stuck = with_instance(view, "n3", f"{SHOP}:2.0.0/0", wish(Desired.LOAD, 1), bad)
    assert leaving(stuck) == [f"{SHOP}:1.0.0/0"]


def test_a_mover_whose_victim_still_serves_leaves_and_is_placed_again_elsewhere() -> None:
    view = draining(serving(["n1", "n3"]), "n1", "n2")
    mover = replace(wish(), replaces=f"n1/{SHOP}:1.0.0/0")
    view = with_instance(view, "n2", f"{SHOP}:1.0.0/5", mover, fact())
    assert leaving(view) == [f"{SHOP}:1.0.0/5"]
    gone = carry_out(view, wishes(view))
    assert moves(gone) == [("n3", f"n1/{SHOP}:1.0.0/0")]


def test_what_a_replacement_adds_lets_its_victim_go_and_no_other() -> None:
    """Two on n1, a budget of all; room for one. The one that is replaced goes, the other waits."""
    strict = replace(target(instances=3), min_available=3)
    view = draining(serving(["n1", "n1", "n2"], wanted=strict, capacity=2), "n1")
    full = {n: replace(r, capacity=0 if n == "n3" else 2) for n, r in view.nodes.items()}
    mover = replace(wish(), replaces=f"n1/{SHOP}:1.0.0/1")
    view = with_instance(replace(view, nodes=full), "n2", f"{SHOP}:1.0.0/9", mover, fact())
    assert leaving(view) == []
    (why,) = sentences(view)
    assert why.startswith(f"n1 drains: 1 of {SHOP} wait there: 3 of 3 serve, at least 3 must")


def test_an_empty_node_is_decommissioned_and_keeps_its_order() -> None:
    view = draining(serving(["n2"]), "n1")
    (step,) = look(view)
    assert isinstance(step, Judge)
    assert step.record == replace(view.verdicts[N1], verdict=Verdict.DECOMMISSIONED)
    assert RULES["drain"](step.because.inputs) == step.because.inputs["decision"]
    left = replace(view, phases={**view.phases, placed("n1", f"{STOCK}:1.0.0/0"): fact()})
    assert sentences(left) == ["n1 drains: it still reports 1 instances that nobody wants"]


def test_an_empty_node_that_has_just_restarted_is_not_decommissioned_before_it_reports() -> None:
    """Else the order to stop would be for a life that is over, and the new one would go on."""
    view = draining(nodes("n1", "n2"), "n1")
    order = DrainOrder(by="test", shutdown=True)
    told = replace(view.verdicts[N1], drain=order)
    reborn = replace(
        view,
        verdicts={**view.verdicts, N1: told},
        nodes={**view.nodes, N1: node_record("n1", "life-2")},
    )
    (sentence,) = sentences(reborn)
    assert "n1 drains: it began life life-2 and has not reported yet" in sentence
    heard = Signals(
        reign_began=0.0,
        heard={N1: Heard("life-2", 100.0), NodeId("n2"): Heard("life-1", 100.0)},
    )
    after = carry_out(reborn, reconcile(reborn, heard, SETTINGS, 100.0).commands)
    assert after.verdicts[N1] == VerdictRecord(
        verdict=Verdict.DECOMMISSIONED, incarnation="life-2", drain=order
    )


def test_a_node_that_falls_silent_while_it_drains_is_waited_for() -> None:
    view = serving(["n1", "n2"])
    order = DrainOrder(by="api:anonymous")
    silent = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1", drain=order)
    view = replace(view, verdicts={**view.verdicts, N1: silent})
    assert sentences(view) == ["n1 is silent; it is emptied further when it reports again"]
    assert wishes(view) == []


def test_instances_on_doubted_nodes_do_not_count_as_serving() -> None:
    view = draining(serving(["n1", "n2", "n3"], capacity=1), "n1")
    strict = replace(target(instances=3), min_available=2)
    view = replace(view, targets={SHOP: strict})
    assert leaving(view) == [f"{SHOP}:1.0.0/0"]
    suspect = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    assert leaving(replace(view, verdicts={**view.verdicts, N2: suspect})) == []


def test_a_slice_whose_target_is_about_to_change_is_looked_at_next_time() -> None:
    view = draining(serving(["n1", "n2"]), "n1")
    changed = with_blueprint(view, spec(f"{SHOP}:1.0.0", 1), generation=2)
    assert wishes(changed) == []


def test_drain_to_the_end_and_cancel() -> None:
    view = draining(serving(["n1", "n1", "n2"]), "n1")
    for step in range(20):
        now = 1000.0 + 10.0 * step
        plan = reconcile(view, all_heard(view, now), SETTINGS, now)
        if not plan.commands:
            break
        assert len(view.active_by_slice()[SHOP]) >= 3
        view = obey(view, plan)
    assert view.verdicts[N1].verdict is Verdict.DECOMMISSIONED
    assert [node for node, _ in sorted(view.wanted)].count(N1) == 0
    back = replace(
        view,
        verdicts={
            **view.verdicts,
            N1: VerdictRecord(verdict=Verdict.JOINING, incarnation="life-1"),
        },
    )
    plan = reconcile(back, all_heard(back, 2000.0), SETTINGS, 2000.0)
    assert carry_out(back, plan.commands).verdicts[N1].verdict is Verdict.ON_DUTY


def test_every_reason_of_a_drain_can_be_decided_again() -> None:
    cases = [
        draining(serving(["n1", "n2"]), "n1"),
        draining(serving(["n1", "n2"]), "n1", force=True),
        draining(serving(["n1", "n1", "n2", "n3"], capacity=1), "n1"),
    ]
    for view in cases:
        for step in wishes(view):
            assert step.because.rule == "drain"
            assert RULES["drain"](step.because.inputs) == step.because.inputs["decision"]


def test_the_last_of_a_slice_never_leaves_without_force() -> None:
    alone = Evacuation(
        slice=SliceBase(SHOP),
        force=False,
        serves=True,
        outdated=False,
        spare=False,
        wanted=1,
        surge=1,
        staying=1,
        moving=0,
        failed=0,
        active=1,
        budget=1,
        candidates=(),
    )
    assert decide(alone) == "wait"
    assert decide(replace(alone, force=True)) == "leave"
