"""How far a drain has come, as people are told."""

from dataclasses import replace

from aether.core.control.node_progress import Remaining, drain_progress
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import DrainOrder, Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import fact, nodes, wish, with_instance

N1 = NodeId("n1")
ORDER = DrainOrder(by="api:anonymous", shutdown=True)


def draining() -> ClusterView:
    view = nodes("n1", "n2", "n10")
    record = VerdictRecord(verdict=Verdict.DRAINING, incarnation="life-1", drain=ORDER)
    view = replace(view, verdicts={**view.verdicts, N1: record})
    view = with_instance(view, "n1", "g:a:1.0.0/0", wish(), fact())
    view = with_instance(view, "n1", "g:b:1.0.0/0", wish(Desired.DEACTIVATE), None)
    mover = replace(wish(Desired.LOAD), replaces="n1/g:a:1.0.0/0")
    return with_instance(view, "n2", "g:a:1.0.0/1", mover, fact(Phase.LOADING))


def test_what_is_left_and_what_takes_its_place() -> None:
    progress = drain_progress(draining(), N1)
    assert progress is not None
    assert progress.order == ORDER
    assert progress.remaining == (
        Remaining(
            instance=InstanceId("g:a:1.0.0/0"),
            desired=Desired.ACTIVATE,
            phase=Phase.ACTIVE,
            replacement="n2/g:a:1.0.0/1",
            replacement_phase=Phase.LOADING,
        ),
        Remaining(instance=InstanceId("g:b:1.0.0/0"), desired=Desired.DEACTIVATE, phase=None),
    )


def test_only_what_concerns_the_node_or_its_slices_is_waited_for() -> None:
    about = (
        "n1 keeps g:a:1.0.0/0: 1 of 1 must stay ACTIVE",
        "g:b lacks 1 of 2 instances: no node on duty has room",
        "g:a:1.0.0/0 stays on n1 though g:a:1.0.0/1 serves in its place: 1 of g:a serve, at least 1",
        "g:a:1.0.0/1 is loaded and waits for g:c",
    )
    others = (
        "n10 is full",
        "n2 drains: 2 of g:a wait there: n1 is being drained",
        "g:a:1.0.0/7 stays on n10 though g:a:1.0.0/8 serves in its place: 1 of g:a serve",
        "g:other lacks 1 of 2 instances: n1 is being drained",
        "g:other waits",
        "my-n1 is somebody else",
        "g:a-long-name waits",
    )
    progress = drain_progress(draining(), N1, (*about, *others))
    assert progress is not None
    assert progress.waiting == about


def test_a_node_nobody_drains_has_no_progress() -> None:
    assert drain_progress(draining(), NodeId("n2")) is None
    assert drain_progress(draining(), NodeId("n9")) is None
