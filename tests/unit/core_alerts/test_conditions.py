from dataclasses import replace

import pytest

from aether.core.alerts.conditions import (
    OF_VIEW,
    MemberFact,
    NodeFact,
    of_members,
    of_nodes,
    of_view,
)
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Phase
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.records import Failure, Verdict, VerdictRecord
from tests.worlds import SHOP, fact, nodes, target, wish, with_instance

N1, N2, N4 = NodeId("node-1"), NodeId("node-2"), NodeId("node-4")


def member(name: str, *, answers: bool = True, voter: bool = True, lag: int = 0) -> MemberFact:
    silent_s = 0.1 if answers else 9.0
    return MemberFact(node=NodeId(name), voter=voter, lag=lag, silent_s=silent_s, answers=answers)


def test_everybody_has_a_value_and_the_bad_ones_another() -> None:
    view = nodes(N1, N2)
    view = replace(
        view,
        verdicts={**view.verdicts, N2: VerdictRecord(verdict=Verdict.LOST, incarnation="i")},
        provisions={N4: ProvisionRecord(node=N4, attempt=2)},
        targets={SHOP: target(instances=2)},
        unreadable={"node/x": "not a NodeRecord"},
    )
    failed = fact(Phase.FAILED, failure=Failure(kind="transient", message="no"))
    view = with_instance(view, N1, f"{SHOP}:1.0.0/0", wish(), failed)
    found = of_view(view)
    assert found == {
        ("node.silent", N1): 0.0,
        ("node.silent", N2): 2.0,
        ("node.provision", N4): 2.0,
        ("slice.down", SHOP): 1.0,
        ("slice.short", SHOP): 2.0,
        ("slice.failing", SHOP): 1.0,
        ("cluster.unreadable", ""): 1.0,
    }
    assert {metric for metric, _ in found} == OF_VIEW


def test_a_slice_that_serves_is_neither_down_nor_short() -> None:
    view = replace(nodes(N1), targets={SHOP: target(instances=1)})
    view = with_instance(view, N1, f"{SHOP}:1.0.0/0", wish(), fact())
    found = of_view(view)
    names = ("slice.down", "slice.short", "slice.failing")
    assert [found[name, SHOP] for name in names] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("voters", "answering", "share"),
    [(1, 1, 0.0), (2, 2, 0.0), (3, 3, 0.0), (3, 2, 1.0), (5, 4, 0.5), (5, 3, 1.0), (5, 2, 1.0)],
)
def test_how_much_of_the_spare_voters_is_lost(voters: int, answering: int, share: float) -> None:
    members = [
        member(f"n-{number}", answers=number <= answering) for number in range(1, voters + 1)
    ]
    assert of_members([*members, member("learner", voter=False)])["cluster.quorum", ""] == share


def test_lag_and_silence_of_members() -> None:
    found = of_members([member("n-2", lag=7, answers=False), member("n-1")])
    assert found["member.lag", "n-2"] == 7.0
    assert found["member.silent", "n-2"] == 9.0
    assert found["member.silent", "n-1"] == 0.1
    assert of_members([]) == {}


def test_what_nodes_say_of_themselves() -> None:
    said = {
        N1: NodeFact(condition="ok", certificate_days=5.0),
        N2: NodeFact(condition="recovering"),
        N4: NodeFact(condition="disk_full"),
    }
    assert of_nodes(said) == {
        ("node.condition", N1): 0.0,
        ("node.certificate", N1): 5.0,
        ("node.condition", N2): 1.0,
        ("node.condition", N4): 2.0,
    }
