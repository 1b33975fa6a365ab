"""Events of whole transactions: their order, and slices that go down and come up."""

from aether.core.alerts.event_fold import EventFold, missing
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.reason import Reason
from aether.core.model.records import NodeRecord, PhaseRecord, TargetRecord, encode
from aether.core.store.commands import Change, Entry

BASE = SliceBase("org.example:shop")
N1, N2 = NodeId("n-1"), NodeId("n-2")
WHY = Reason("leader:n-1", "judge", "silent")


def node(name: NodeId, incarnation: str = "i") -> Change:
    record = NodeRecord(
        node=name, incarnation=incarnation, management="", cluster="", raft="", router="", mesh=""
    )
    return put(keys.node(name), record)


def phase(
    name: NodeId, ordinal: int, state: Phase = Phase.ACTIVE, incarnation: str = "i"
) -> Change:
    record = PhaseRecord(state=state, observed_generation=1, incarnation=incarnation)
    return put(phase_key(name, ordinal), record)


def phase_key(name: NodeId, ordinal: int) -> str:
    return keys.phase(name, InstanceId(f"{BASE}:1.0.0/{ordinal}"))


def target(instances: int) -> Change:
    record = TargetRecord(
        version="1.0.0", instances=instances, min_instances=0, max_instances=9,
        owner=SliceBase("a:b"), generation=1,
    )  # fmt: skip
    return put(keys.target(BASE), record)


def put(key: str, record: object) -> Change:
    return Change(key, Entry(key, encode(record), 1, 1, 1))


class Course:
    """A fold and what it told, type by type."""

    def __init__(self, *changes: Change) -> None:
        entries = [change.entry for change in changes if change.entry is not None]
        self.fold = EventFold(10, entries)

    def take(self, *changes: Change) -> list[str]:
        events = self.fold.take(self.fold.revision + 1, 5, WHY, changes)
        assert [event.place.position for event in events] == list(range(len(events)))
        assert all(event.place.revision == self.fold.revision for event in events)
        assert all(event.reason is WHY and event.time_ms == 5 for event in events)
        return [event.type for event in events]


def test_a_slice_goes_down_with_its_last_instance_and_comes_up_again() -> None:
    course = Course(node(N1), node(N2), target(2), phase(N1, 0), phase(N2, 1))
    assert course.take(Change(phase_key(N1, 0), None)) == ["INSTANCE_GONE"]
    assert course.take(phase(N2, 1, Phase.FAILED)) == ["INSTANCE_FAILED", "SLICE_DOWN"]
    assert course.take(phase(N1, 2)) == ["INSTANCE_ACTIVE", "SLICE_UP"]


def test_a_replacement_in_the_same_transaction_keeps_it_up() -> None:
    course = Course(node(N1), node(N2), target(1), phase(N1, 0))
    assert course.take(Change(phase_key(N1, 0), None), phase(N2, 1)) == [
        "INSTANCE_GONE",
        "INSTANCE_ACTIVE",
    ]


def test_a_slice_nobody_wants_does_not_go_down() -> None:
    course = Course(node(N1), target(1), phase(N1, 0))
    assert course.take(Change(keys.target(BASE), None)) == ["SLICE_REMOVED"]
    assert course.take(Change(phase_key(N1, 0), None)) == ["INSTANCE_GONE"]


def test_what_an_earlier_life_of_a_node_said_does_not_count() -> None:
    course = Course(node(N1), target(1), phase(N1, 0))
    assert course.take(node(N1, "next")) == ["NODE_RESTARTED", "SLICE_DOWN"]
    assert course.take(phase(N1, 0, Phase.ACTIVE, "next")) == ["INSTANCE_ACTIVE", "SLICE_UP"]


def test_what_cannot_be_read_is_passed_over() -> None:
    course = Course(node(N1), target(1))
    broken = [
        Change(key, Entry(key, b"{", 1, 1, 1)) for key in ("phase/x", "node/n-1", "what/else")
    ]
    assert course.take(*broken) == []
    assert course.take(node(N1)) == []  # as it was before
    assert course.take(phase(N2, 0)) == ["INSTANCE_ACTIVE"]  # of a node that is not known


def test_two_folds_that_begin_at_other_revisions_tell_the_same() -> None:
    first = Course(node(N1), node(N2), target(2), phase(N1, 0))
    first.take(phase(N2, 1))
    second = Course(node(N1), node(N2), target(2), phase(N1, 0), phase(N2, 1))
    gone = Change(phase_key(N1, 0), None), phase(N2, 1, Phase.FAILED)
    assert first.take(*gone) == second.take(*gone)


def test_a_gap_stands_where_it_ends() -> None:
    gap = missing(3, 9, 7, "it was away")
    assert gap.id == "9.0"
    assert "it was away" in gap.text
