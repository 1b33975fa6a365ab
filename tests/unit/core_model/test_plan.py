"""What carrying commands out does to a view."""

from aether.core.model.ids import NodeId
from aether.core.model.plan import (
    Command,
    DropRoute,
    DropTarget,
    Forget,
    Judge,
    SetTarget,
    Wish,
    carry_out,
)
from aether.core.model.reason import Reason
from aether.core.model.records import RouteRecord, Verdict, VerdictRecord
from tests.worlds import SHOP, fact, nodes, placed, target, wish, with_instance

WHERE = placed("n1", f"{SHOP}:1.0.0/0")
BECAUSE = Reason("", "rule", "text")


def test_every_command_changes_its_own_family_and_only_the_copy() -> None:
    before = with_instance(nodes("n1"), *WHERE, wish(), fact())
    lost = VerdictRecord(verdict=Verdict.LOST, incarnation="life-1")
    after = carry_out(
        before,
        [
            Judge(NodeId("n1"), lost, BECAUSE),
            SetTarget(SHOP, target(), BECAUSE),
            Forget(*WHERE, BECAUSE),
        ],
    )
    assert after.verdicts[NodeId("n1")] == lost
    assert SHOP in after.targets
    assert not after.wanted
    assert not after.phases
    assert before.wanted
    assert before.verdicts[NodeId("n1")].verdict is Verdict.ON_DUTY


def test_removing_what_is_not_there_is_no_error() -> None:
    view = nodes("n1")
    steps: list[Command] = [
        DropTarget(SHOP, purge=False, because=BECAUSE),
        DropRoute("GET", "/a", BECAUSE),
        Forget(*WHERE, BECAUSE),
    ]
    assert carry_out(view, steps) == view


def test_a_wish_leaves_the_fact_to_its_node() -> None:
    view = with_instance(nodes("n1"), *WHERE, wish(), fact())
    newer = wish(generation=9)
    after = carry_out(view, [Wish(*WHERE, newer, BECAUSE)])
    assert after.wanted[WHERE] == newer
    assert after.phases[WHERE] == fact()


def test_routes_go_one_by_one() -> None:
    record = RouteRecord(slice=SHOP, timeout_s=1.0, body_limit=1)
    view = carry_out(nodes("n1"), [])
    routed = type(view)(nodes=view.nodes, routes={("GET", "/a"): record, ("GET", "/b"): record})
    assert list(carry_out(routed, [DropRoute("GET", "/a", BECAUSE)]).routes) == [("GET", "/b")]
