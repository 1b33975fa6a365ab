"""What is noted while a rehearsal runs."""

from dataclasses import replace

from aether.core.control.rehearsal_outcome import Dip, SliceState, Traffic
from aether.core.control.rehearsal_record import Record
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import (
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
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.reason import Reason
from aether.core.model.records import RouteRecord, Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import (
    SHOP,
    fact,
    nodes,
    placed,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

SHOP_1 = f"{SHOP}:1.0.0"
WHY = Reason("", "test", "because")
FIRST, SECOND = placed("n1", f"{SHOP_1}/0"), placed("n2", f"{SHOP_1}/1")


def world() -> ClusterView:
    """Two instances of two serve, one a node."""
    view = with_blueprint(nodes("n1", "n2"), spec(SHOP_1, 2))
    view = with_instance(view, *FIRST, wish(), fact())
    view = with_instance(view, *SECOND, wish(), fact())
    return replace(view, targets={SHOP: target(instances=2)})


def in_phase(view: ClusterView, where: tuple[str, str], state: Phase) -> ClusterView:
    return with_instance(view, *where, wish(), fact(state))


def test_every_kind_of_command_is_a_step() -> None:
    route = RouteRecord(slice=SHOP, timeout_s=5.0, body_limit=10)
    view = replace(world(), routes={("GET", "/shop"): route})
    record = Record(view)
    verdict = VerdictRecord(verdict=Verdict.DRAINING, incarnation="life-1")
    commands: list[Command] = [
        SetTarget(SHOP, target(), WHY),
        Wish(*FIRST, wish(Desired.UNLOAD), WHY),
        Forget(*FIRST, WHY),
        DropRoute("GET", "/shop", WHY),
        DropTraffic(SHOP, WHY),
        DropTarget(SHOP, False, WHY),
        Judge(FIRST[0], verdict, WHY),
        Provision(SECOND[0], ProvisionRecord(node=SECOND[0]), WHY),
        DropProvision(SECOND[0], WHY),
    ]
    record.note_commands(view, commands, 1.5)
    seen = [(step.verb, step.slice, step.instance, step.node) for step in record.steps]
    assert seen == [
        ("TARGET", SHOP, None, None),
        ("UNLOAD", SHOP, FIRST[1], "n1"),
        ("FORGET", SHOP, FIRST[1], "n1"),
        ("DROP ROUTE GET /shop", SHOP, None, None),
        ("DROP TRAFFIC", SHOP, None, None),
        ("DROP TARGET", SHOP, None, None),
        ("DRAINING", None, None, "n1"),
        ("PROVISION", None, None, "n2"),
        ("DROP PROVISION", None, None, "n2"),
    ]
    assert {(step.at_s, step.why) for step in record.steps} == {(1.5, "because")}


def test_a_dip_is_less_than_before_and_than_wanted() -> None:
    view = world()
    record = Record(view)
    record.note_commands(view, [Wish(*FIRST, wish(Desired.LOAD), WHY)], 0.0)
    down = in_phase(view, FIRST, Phase.LOADING)
    record.note_facts(down, [FIRST], 0.0)
    deeper = in_phase(down, SECOND, Phase.LOADING)
    record.note_facts(deeper, [SECOND], 1.0)
    record.note_facts(down, [SECOND], 2.0)
    record.note_facts(view, [FIRST], 3.0)
    assert record.dips(view) == (
        Dip(slice=SHOP, lowest=0, usual=2, budget=1, from_s=0.0, to_s=3.0),
    )
    (change,) = record.slices(view)
    assert [(one.at_s, dict(one.active)) for one in change.traffic] == [
        (0.0, {"1.0.0": 2}),
        (0.0, {"1.0.0": 1}),
        (1.0, {}),
        (2.0, {"1.0.0": 1}),
        (3.0, {"1.0.0": 2}),
    ]
    assert change.restarted == (FIRST[1],)
    assert change.before == change.after == SliceState(version="1.0.0", wanted=2, active=2)


def test_scaling_in_is_no_dip_and_one_that_does_not_end_says_so() -> None:
    view = world()
    fewer = replace(view, targets={SHOP: target(instances=1)})
    record = Record(view)
    record.note_commands(view, [Wish(*FIRST, wish(Desired.DEACTIVATE), WHY)], 0.0)
    down = in_phase(fewer, FIRST, Phase.DEACTIVATING)
    record.note_facts(down, [FIRST], 0.0)
    assert record.dips(down) == ()
    (dip,) = record.dips(replace(down, targets=view.targets))
    assert (dip.lowest, dip.to_s) == (1, None)
    retired = replace(down, targets=view.targets, blueprints={})
    assert record.dips(retired) == ()


def test_instances_of_a_node_that_is_gone_do_not_count_as_serving_before() -> None:
    view = world()
    lost = VerdictRecord(verdict=Verdict.LOST, incarnation="life-1")
    view = replace(view, verdicts={**view.verdicts, FIRST[0]: lost})
    record = Record(view)
    record.note_commands(view, [Forget(*FIRST, WHY)], 0.0)
    (change,) = record.slices(view)
    assert change.before == SliceState(version="1.0.0", wanted=2, active=1)
    assert change.traffic == (Traffic(at_s=0.0, active={"1.0.0": 1}),)


def test_the_outline_leaves_out_what_varies_with_the_moment() -> None:
    view = world()
    first, second = Record(view), Record(view)
    again = replace(view.wanted[FIRST], attempt=0, generation=9)
    tried = replace(view, wanted={**view.wanted, FIRST: wish(attempt=3)})
    first.note_commands(tried, [Wish(*FIRST, again, WHY)], 60.0)
    newer = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-2")
    first.note_commands(view, [Judge(FIRST[0], newer, WHY)], 0.0)
    told = first.outline(view, [f"{SHOP} is tried again 4 s after: it broke"])
    assert told == second.outline(view, [f"{SHOP} is tried again 2.5 s after: it broke"])
    renumbered = replace(view, targets={SHOP: target(instances=2, generation=8)})
    assert second.outline(renumbered, []) == second.outline(view, [])
    assert told != second.outline(view, [])
    coloured = replace(view, targets={SHOP: replace(target(instances=2), config={"x": 1})})
    assert second.outline(coloured, []) != second.outline(view, [])


def test_steps_of_one_slice_keep_their_order_in_the_outline() -> None:
    view = world()
    here, there = Record(view), Record(view)
    out, load = Wish(*FIRST, wish(Desired.UNLOAD), WHY), Wish(*SECOND, wish(Desired.LOAD), WHY)
    here.note_commands(view, [out, load], 0.0)
    there.note_commands(view, [load, out], 0.0)
    assert here.outline(view, []) != there.outline(view, [])
    assert sorted(here.outline(view, [])) == sorted(there.outline(view, []))
