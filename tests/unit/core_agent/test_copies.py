"""Who takes a copy of a wheel, who says so, and who says that it is gone."""

from dataclasses import replace

from aether.core.agent.copies import (
    MOST_LISTED,
    CopyQuestion,
    CopyStep,
    copies_lacking,
    decide,
    listed,
    nodes_on_duty,
    only_here,
    rank,
    staying_nodes,
    unlisted,
)
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.records import Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import nodes, with_artifact

DIGEST = "d" * 64
FIVE = tuple(NodeId(f"n{number}") for number in range(1, 6))


def question(me: str, *holders: str, is_here: bool = False, patience: int = 0) -> CopyQuestion:
    return CopyQuestion(
        me=NodeId(me),
        digest=DIGEST,
        holders=tuple(map(NodeId, holders)),
        staying=FIVE,
        on_duty=FIVE,
        is_here=is_here,
        patience=patience,
    )


def takers(*holders: str, patience: int = 0) -> list[str]:
    asked = {node: question(node, *holders, patience=patience) for node in FIVE}
    return [node for node in FIVE if node not in holders and decide(asked[node]) is CopyStep.TAKE]


def test_as_many_take_a_copy_as_lack() -> None:
    assert [len(takers(*FIVE[:held])) for held in range(5)] == [3, 2, 1, 0, 0]


def test_one_more_may_when_the_first_do_not() -> None:
    first = takers("n1")
    assert set(first) < set(takers("n1", patience=1))
    assert len(takers("n1", patience=1)) == 3


def test_who_has_it_says_so_unless_enough_do() -> None:
    assert decide(question("n4", "n1", "n2", "n3", is_here=True)) is CopyStep.CLAIM
    assert decide(question("n1", "n1", is_here=True)) is CopyStep.NOTHING
    many = tuple(NodeId(f"m{number}") for number in range(MOST_LISTED))
    full = replace(question("n4", is_here=True), holders=many, staying=(*many, *FIVE))
    assert decide(full) is CopyStep.NOTHING


def test_who_has_lost_it_takes_it_again_or_says_so() -> None:
    last = rank(FIVE, DIGEST)[-1]
    others = tuple(node for node in FIVE if node != last)
    assert decide(question(last, *others[:3], last)) is CopyStep.LEAVE
    first = rank(FIVE, DIGEST)[0]
    assert decide(question(first, first)) is CopyStep.TAKE


def test_a_copy_on_a_node_that_is_drained_does_not_count() -> None:
    view = nodes("n1", "n2", "n3", "n4")
    draining = VerdictRecord(verdict=Verdict.DRAINING, incarnation="life-1")
    suspect = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    view = replace(
        view,
        verdicts={**view.verdicts, NodeId("n1"): draining, NodeId("n2"): suspect},
    )
    assert staying_nodes(view) == ("n2", "n3", "n4")
    assert nodes_on_duty(view) == ("n3", "n4")
    assert copies_lacking(FIVE[:3], staying_nodes(view)) == 1


def test_few_nodes_need_few_copies() -> None:
    assert copies_lacking((), ()) == 0
    assert copies_lacking((), FIVE[:1]) == 1
    assert copies_lacking(FIVE[:1], FIVE[:2]) == 1


def test_the_list_forgets_nodes_that_were_removed() -> None:
    artifact = Artifact("org.example:app:1.0.0")
    view: ClusterView = with_artifact(nodes("n1", "n2"), artifact)
    record = replace(view.artifacts[artifact], holders=(NodeId("gone"), NodeId("n1")))
    assert listed(record, NodeId("n2"), view) == ("n1", "n2")
    assert unlisted(record, NodeId("n1")) == ("gone",)


def test_what_is_only_on_a_node_that_goes_is_named() -> None:
    artifact = Artifact("org.example:app:1.0.0")
    view = with_artifact(nodes("n1", "n2", "n3"), artifact)

    def held_by(*names: str) -> ClusterView:
        record = replace(view.artifacts[artifact], holders=tuple(map(NodeId, names)))
        return replace(view, artifacts={artifact: record})

    assert only_here(held_by("n1"), NodeId("n1")) == (artifact,)
    assert only_here(held_by("n1", "gone"), NodeId("n1")) == (artifact,)
    assert only_here(held_by("n1", "n2"), NodeId("n1")) == ()
    assert only_here(held_by("n2"), NodeId("n1")) == ()
    alone = replace(held_by("n1"), nodes={NodeId("n1"): view.nodes[NodeId("n1")]})
    assert only_here(alone, NodeId("n1")) == ()
