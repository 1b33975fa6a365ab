"""What an operator may do to nodes, and what is said when it may not be."""

from dataclasses import replace

import pytest

from aether.core.control.admission import Admitted, Rejected
from aether.core.control.node_admission import (
    Voting,
    admit_activate,
    admit_drain,
    admit_no_topology,
    admit_removal,
    admit_shutdown,
    admit_topology,
    last_copies,
)
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.records import (
    DrainOrder,
    RemovedRecord,
    TopologyRecord,
    Verdict,
    VerdictRecord,
    decode,
    encode,
)
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, DeletePrefix, Guard, Put
from tests.worlds import node_record, nodes, wish, with_artifact, with_instance

N1, N2, N3, N4 = (NodeId(f"n{number}") for number in (1, 2, 3, 4))
BY = "api:anonymous"


def three(verdict: Verdict = Verdict.ON_DUTY, drain: DrainOrder | None = None) -> ClusterView:
    """Three nodes, of which n1 has the verdict."""
    view = nodes("n1", "n2", "n3")
    record = VerdictRecord(verdict=verdict, incarnation="life-1", drain=drain)
    revisions = {keys.node(N1): 4, keys.verdict(N1): 7}
    return replace(view, verdicts={**view.verdicts, N1: record}, revisions=revisions)


def voting(*answering: NodeId, voters: tuple[NodeId, ...] = (N1, N2, N3)) -> Voting:
    return Voting(
        members=frozenset(voters), voters=frozenset(voters), answering=frozenset(answering)
    )


def verdict_put(decision: Admitted | Rejected) -> VerdictRecord:
    assert isinstance(decision, Admitted)
    (put,) = decision.then
    assert isinstance(put, Put)
    assert put.key == keys.verdict(N1)
    assert decision.guards[:2] == (Guard(keys.verdict(N1), 7), Guard(keys.node(N1), 4))
    return decode(put.value, VerdictRecord)


def problem(decision: Admitted | Rejected, code: str) -> str:
    assert isinstance(decision, Rejected)
    assert decision.code == code
    return " ".join(decision.problems)


@pytest.mark.parametrize("verdict", [Verdict.ON_DUTY, Verdict.SUSPECT, Verdict.JOINING])
def test_a_node_that_takes_part_is_drained(verdict: Verdict) -> None:
    view = with_instance(three(verdict), "n1", "g:a:1.0.0/0", wish(), None)
    decision = admit_drain(view, N1, by=BY)
    record = verdict_put(decision)
    assert record == VerdictRecord(
        verdict=Verdict.DRAINING, incarnation="life-1", drain=DrainOrder(by=BY)
    )
    assert isinstance(decision, Admitted)
    assert decision.summary == "n1 is DRAINING and hosts 1 instances"


@pytest.mark.parametrize("verdict", [Verdict.LOST, Verdict.DECOMMISSIONED])
def test_an_order_to_drain_leaves_what_is_empty_already_as_it_is(verdict: Verdict) -> None:
    record = verdict_put(admit_drain(three(verdict), N1, by=BY, force=True))
    assert record.verdict is verdict
    assert record.drain == DrainOrder(by=BY, force=True)


def test_an_order_may_be_given_again_and_ask_for_more_but_never_for_less() -> None:
    view = three(Verdict.DRAINING, DrainOrder(by="first", shutdown=True))
    same = admit_drain(view, N1, by="second")
    assert isinstance(same, Admitted)
    assert not same.changed
    more = verdict_put(admit_drain(view, N1, by="second", force=True))
    assert more.drain == DrainOrder(by="first", shutdown=True, force=True)


def test_a_node_nobody_has_judged_yet_may_be_drained() -> None:
    view = replace(three(), verdicts={})
    assert verdict_put(admit_drain(view, N1, by=BY)).verdict is Verdict.DRAINING


def test_nodes_that_are_not_there_are_named() -> None:
    for decision in (
        admit_drain(three(), NodeId("n9"), by=BY),
        admit_activate(three(), NodeId("n9")),
        admit_shutdown(three(), NodeId("n9"), voting(), by=BY),
        admit_removal(three(), NodeId("n9"), voting(), runs=False),
    ):
        assert problem(decision, "not_found") == "there is no node n9; known: n1, n2, n3"


def test_a_shutdown_says_what_is_left_of_the_quorum() -> None:
    decision = admit_shutdown(three(), N1, voting(N1, N2, N3), by=BY)
    assert verdict_put(decision).drain == DrainOrder(by=BY, shutdown=True)
    assert isinstance(decision, Admitted)
    assert decision.summary.endswith(
        "its process stops once it is empty; 2 of 3 voters answer then, a quorum is 2: "
        "none may fail then"
    )


def test_an_order_to_stop_names_the_life_that_is_registered() -> None:
    """One that has not reported yet: else its first report would show the order to be an old one."""
    back = three(Verdict.DECOMMISSIONED, DrainOrder(by="first", shutdown=True))
    reborn = replace(back, nodes={**back.nodes, N1: node_record("n1", "life-2")})
    again = verdict_put(admit_shutdown(reborn, N1, voting(N1, N2, N3), by=BY))
    assert (again.verdict, again.incarnation) == (Verdict.DECOMMISSIONED, "life-2")
    assert again.drain == DrainOrder(by="first", shutdown=True)
    drained = admit_drain(reborn, N1, by=BY)
    assert isinstance(drained, Admitted)
    assert not drained.changed


def test_two_shutdowns_at_once_stand_in_each_others_way() -> None:
    """Both are decided from one view: the one that comes second is refused, and decided anew."""
    first, second = (admit_shutdown(three(), node, voting(N1, N2, N3), by=BY) for node in (N1, N2))
    assert isinstance(first, Admitted)
    assert isinstance(second, Admitted)
    written = {operation.key for operation in first.then if isinstance(operation, Put)}
    assert written & {guard.key for guard in second.guards}
    assert len({guard.key for guard in second.guards}) == len(second.guards)


def test_a_shutdown_never_costs_the_quorum() -> None:
    lost_one = admit_shutdown(three(), N1, voting(N1, N2), by=BY, force=True)
    assert "without n1, 1 of 3 voters answer" in problem(lost_one, "conflict")
    stopping = VerdictRecord(
        verdict=Verdict.DRAINING, incarnation="life-1", drain=DrainOrder(by=BY, shutdown=True)
    )
    view = three()
    view = replace(view, verdicts={**view.verdicts, N2: stopping})
    both = admit_shutdown(view, N1, voting(N1, N2, N3), by=BY)
    assert "1 of 3 voters answer" in problem(both, "conflict")


def test_a_worker_is_shut_down_whatever_the_quorum_is() -> None:
    decision = admit_shutdown(three(), N1, voting(N2, voters=(N2, N3)), by=BY)
    assert verdict_put(decision).verdict is Verdict.DRAINING


@pytest.mark.parametrize(
    ("verdict", "after"),
    [
        (Verdict.DRAINING, Verdict.JOINING),
        (Verdict.DECOMMISSIONED, Verdict.JOINING),
        (Verdict.SUSPECT, Verdict.SUSPECT),
        (Verdict.LOST, Verdict.LOST),
    ],
)
def test_an_order_is_taken_back_at_any_time(verdict: Verdict, after: Verdict) -> None:
    record = verdict_put(admit_activate(three(verdict, DrainOrder(by=BY)), N1))
    assert record == VerdictRecord(verdict=after, incarnation="life-1")


def test_activating_what_is_not_drained_changes_nothing() -> None:
    for verdict in (Verdict.ON_DUTY, Verdict.LOST, Verdict.JOINING):
        decision = admit_activate(three(verdict), N1)
        assert isinstance(decision, Admitted)
        assert not decision.changed


def test_a_lost_node_is_removed_with_its_settings() -> None:
    decision = admit_removal(three(Verdict.LOST), N1, voting(N2, N3), runs=False)
    assert isinstance(decision, Admitted)
    assert decision.then == (
        Delete("node/n1"),
        Delete("verdict/n1"),
        Delete("provision/n1"),
        Delete("provisioned/n1"),
        DeletePrefix("config/node/n1/"),
    )
    assert decision.guards == (Guard("verdict/n1", 7), Guard("node/n1", 4))
    assert decision.summary == (
        "n1 is removed; 2 of 2 voters answer then, a quorum is 2: none may fail then"
    )


def test_the_number_of_a_removed_node_is_kept_from_others() -> None:
    node = NodeId("web-3")
    record = VerdictRecord(verdict=Verdict.LOST, incarnation="life-1")
    view = replace(nodes("web-1", "web-2", "web-3"), verdicts={node: record})
    decision = admit_removal(view, node, voting(N1, N2), runs=False)
    assert isinstance(decision, Admitted)
    kept = Put("removed/web", encode(RemovedRecord(highest=3)))
    assert kept in decision.then
    assert Guard("removed/web", 0) in decision.guards
    higher = replace(view, removed={"web": RemovedRecord(highest=5)})
    again = admit_removal(higher, node, voting(N1, N2), runs=False)
    assert isinstance(again, Admitted)
    assert not [each for each in again.then if isinstance(each, Put)]


def held(view: ClusterView, artifact: str, *holders: NodeId) -> ClusterView:
    view = with_artifact(view, artifact)
    record = replace(view.artifacts[Artifact(artifact)], holders=holders)
    return replace(view, artifacts={**view.artifacts, Artifact(artifact): record})


def test_a_removal_names_the_artifacts_whose_last_copies_go() -> None:
    view = held(three(Verdict.LOST), "g:kept:1.0.0", N1, N2)
    view = held(held(view, "g:only:1.0.0", N1), "g:gone-before:1.0.0", N4)
    decision = admit_removal(view, N1, voting(N2, N3), runs=False)
    assert isinstance(decision, Admitted)
    assert decision.summary.endswith(
        "; the last copies of g:only:1.0.0 go with it: push them again, or start it once more"
    )
    assert last_copies(view, N3) == ()


def test_a_copy_on_another_lost_node_does_not_count() -> None:
    view = held(three(Verdict.LOST), "g:a:1.0.0", N1, N2)
    lost = VerdictRecord(verdict=Verdict.LOST, incarnation="life-1")
    view = replace(view, verdicts={**view.verdicts, N2: lost})
    assert last_copies(view, N1) == (Artifact("g:a:1.0.0"),)


def test_of_many_last_copies_some_are_named_and_the_rest_counted() -> None:
    view = three(Verdict.LOST)
    for number in range(11):
        view = held(view, f"g:a{number:02}:1.0.0", N1)
    decision = admit_removal(view, N1, voting(N2, N3), runs=False)
    assert isinstance(decision, Admitted)
    assert "g:a07:1.0.0 and 3 more go with it" in decision.summary


@pytest.mark.parametrize("verdict", [Verdict.ON_DUTY, Verdict.SUSPECT, Verdict.DRAINING])
def test_a_node_that_takes_part_is_not_removed(verdict: Verdict) -> None:
    decision = admit_removal(three(verdict), N1, voting(N1, N2, N3), runs=True, force=True)
    said = problem(decision, "conflict")
    assert f"n1 is {verdict}" in said
    assert "aether node shutdown n1" in said


def test_a_drained_node_that_still_runs_is_not_removed() -> None:
    decision = admit_removal(three(Verdict.DECOMMISSIONED), N1, voting(N1, N2, N3), runs=True)
    assert "still runs" in problem(decision, "conflict")


def test_a_removal_that_broke_off_goes_on() -> None:
    without_member = admit_removal(
        three(Verdict.LOST), N1, voting(N2, N3, voters=(N2, N3)), runs=False
    )
    assert isinstance(without_member, Admitted)
    assert without_member.changed
    without_records = admit_removal(
        nodes("n2", "n3"), N1, Voting(members=frozenset({N1})), runs=False
    )
    assert isinstance(without_records, Admitted)
    assert Guard("node/n1", 0) in without_records.guards


def test_the_last_voter_and_a_quorum_are_never_removed() -> None:
    view = three(Verdict.LOST)
    last = admit_removal(view, N1, voting(N1, voters=(N1,)), runs=False, force=True)
    assert "last voter" in problem(last, "conflict")
    broken = admit_removal(view, N1, voting(N2, voters=(N1, N2, N3)), runs=False, force=True)
    assert "nothing could be written any more" in problem(broken, "conflict")


def test_the_voter_to_spare_goes_only_by_force() -> None:
    view, four = three(Verdict.DECOMMISSIONED), (N1, N2, N3, N4)
    group = voting(N1, N2, N3, voters=(N1, N2, N3))
    assert "next failure" in problem(admit_removal(view, N1, group, runs=False), "conflict")
    assert isinstance(admit_removal(view, N1, group, runs=False, force=True), Admitted)
    stopped = voting(N2, N3, N4, voters=four)
    assert isinstance(admit_removal(view, N1, stopped, runs=False), Admitted)


def test_a_topology_is_set_changed_and_unset() -> None:
    view = nodes("n1", "n2", "n3")
    decision = admit_topology(view, 5, 7)
    assert isinstance(decision, Admitted)
    record = TopologyRecord(nodes=5, max_nodes=7)
    assert decision.then == (Put("topology", encode(record)),)
    assert decision.guards == (Guard("topology", 0),)
    assert decision.summary == "5 nodes of at most 7 are wanted; there are 3"
    held = replace(view, topology=record, revisions={"topology": 9})
    again = admit_topology(held, 5, 7)
    assert isinstance(again, Admitted)
    assert not again.changed
    assert admit_no_topology(held).then == (Delete("topology"),)
    assert admit_no_topology(held).guards == (Guard("topology", 9),)
    assert not admit_no_topology(view).changed


def test_a_topology_smaller_than_the_cluster_stops_no_node() -> None:
    decision = admit_topology(nodes("n1", "n2", "n3"), 1, 2)
    assert isinstance(decision, Admitted)
    assert "none of which is stopped" in decision.summary


@pytest.mark.parametrize(("count", "most"), [(0, 3), (4, 3), (1, 1001)])
def test_a_topology_that_cannot_be(count: int, most: int) -> None:
    assert "1 ≤ nodes ≤ max_nodes ≤ 1000" in problem(
        admit_topology(nodes("n1"), count, most), "invalid"
    )
