"""Every command ends exactly once, with as much certainty as there can be."""

from aether.core.model.ids import NodeId
from aether.store.native.proposals import Proposals
from aether.store.native.results import Applied, Refused, Result, Unknown

B, C = NodeId("b"), NodeId("c")


class Told:
    """Collects outcomes by command; a second outcome of one command is an error."""

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}

    def submit(self, proposals: Proposals, name: str, deadline: float = 10.0) -> None:
        def done(result: Result) -> None:
            assert name not in self.results
            self.results[name] = result

        proposals.submit(name.encode(), done, deadline)


def world(most: int = 100) -> tuple[Proposals, Told]:
    return Proposals(most, first_seq=0), Told()


def test_an_accepted_command_is_applied() -> None:
    proposals, told = world()
    told.submit(proposals, "x")
    told.submit(proposals, "y")
    proposals.accepted(5, 2, proposals.take_queued())
    proposals.applied(4, 2, b"other")
    proposals.applied(5, 2, b"five")
    proposals.applied(5, 2, b"again")
    proposals.applied(6, 3, b"another's")
    assert told.results["x"] == Applied(b"five")
    assert isinstance(told.results["y"], Refused)
    assert len(proposals) == 0


def test_what_is_too_much_is_refused_at_once() -> None:
    proposals, told = world(most=2)
    for name in "xyz":
        told.submit(proposals, name)
    assert [*told.results] == ["z"]
    assert isinstance(told.results["z"], Refused)
    proposals.forwarded(B, proposals.take_queued())
    told.submit(proposals, "w")
    assert isinstance(told.results["w"], Refused)


def test_a_queued_command_is_refused_at_its_deadline_and_one_under_way_unknown() -> None:
    proposals, told = world()
    told.submit(proposals, "in log", deadline=1.0)
    proposals.accepted(5, 2, proposals.take_queued())
    told.submit(proposals, "forwarded", deadline=1.0)
    proposals.forwarded(B, proposals.take_queued())
    told.submit(proposals, "queued", deadline=1.0)
    told.submit(proposals, "later", deadline=3.0)
    assert proposals.wake_at == 1.0
    proposals.expire(0.9)
    assert told.results == {}
    proposals.expire(1.0)
    assert isinstance(told.results["queued"], Refused)
    assert isinstance(told.results["in log"], Unknown)
    assert isinstance(told.results["forwarded"], Unknown)
    assert "later" not in told.results
    assert proposals.wake_at == 3.0


def test_the_rest_of_a_forward_keeps_its_places_when_one_expires() -> None:
    proposals, told = world()
    told.submit(proposals, "short", deadline=1.0)
    told.submit(proposals, "long")
    seq = proposals.forwarded(B, proposals.take_queued())
    proposals.expire(2.0)
    proposals.accepted(7, 3, proposals.answered(B, seq))
    proposals.applied(7, 3, b"seven")
    proposals.applied(8, 3, b"eight")
    assert told.results["long"] == Applied(b"eight")
    assert isinstance(told.results["short"], Unknown)


def test_only_the_asked_member_answers_a_forward_and_only_once() -> None:
    proposals, told = world()
    told.submit(proposals, "x")
    seq = proposals.forwarded(B, proposals.take_queued())
    assert proposals.answered(C, seq) == []
    assert len(proposals.answered(B, seq)) == 1
    assert proposals.answered(B, seq) == []


def test_forwards_to_a_lost_leader_are_unknown() -> None:
    proposals, told = world()
    told.submit(proposals, "x")
    proposals.forwarded(B, proposals.take_queued())
    proposals.lost(C, "another")
    assert told.results == {}
    proposals.lost(B, "gone")
    assert told.results == {"x": Unknown("gone")}


def test_what_was_given_back_goes_first() -> None:
    proposals, told = world()
    told.submit(proposals, "x")
    taken = proposals.take_queued()
    told.submit(proposals, "y")
    proposals.give_back(taken)
    assert [each.command for each in proposals.take_queued()] == [b"x", b"y"]


def test_the_later_leader_owns_an_index_whichever_answer_comes_first() -> None:
    for order in ((2, 3), (3, 2)):
        proposals, told = world()
        for term in order:
            told.submit(proposals, f"term {term}")
            proposals.accepted(5, term, proposals.take_queued())
        assert isinstance(told.results["term 2"], Refused)
        proposals.applied(5, 3, b"five")
        assert told.results["term 3"] == Applied(b"five")


def test_a_snapshot_leaves_what_it_passed_unknown() -> None:
    proposals, told = world()
    told.submit(proposals, "x")
    told.submit(proposals, "y")
    proposals.accepted(5, 2, proposals.take_queued())
    proposals.skipped_to(5)
    assert isinstance(told.results["x"], Unknown)
    assert "y" not in told.results


def test_closing_ends_everything() -> None:
    proposals, told = world()
    told.submit(proposals, "in log")
    proposals.accepted(5, 2, proposals.take_queued())
    told.submit(proposals, "forwarded")
    proposals.forwarded(B, proposals.take_queued())
    told.submit(proposals, "queued")
    proposals.close("stopped", "bye")
    assert told.results["queued"] == Refused("stopped", "bye")
    assert told.results["in log"] == Unknown("bye")
    assert told.results["forwarded"] == Unknown("bye")
    assert len(proposals) == 0
