"""What a member knows of itself."""

from aether.core.model.ids import NodeId
from aether.core.raft.entries import HardState, SnapshotPoint
from aether.core.raft.local import Local
from aether.core.raft.values import RaftConfig
from tests.raft_world import Disk, members


def local(voters: str = "abc") -> Local:
    disk = Disk(HardState(3, "b"), SnapshotPoint(0, 0, 0, members(voters)))
    return Local(RaftConfig(node=NodeId("a")), disk.start(0), disk, lambda: 0.5, 10.0)


def test_a_time_out_is_drawn_and_who_votes_alone_does_not_wait() -> None:
    assert local().deadline == 11.5
    assert local("a").deadline == 10.0


def test_the_hard_state_is_given_out_when_it_changed() -> None:
    member = local()
    assert member.take_hard_state() is None
    member.enter(4)
    assert member.take_hard_state() == HardState(4, "")
    member.vote = "c"
    assert member.take_hard_state() == HardState(4, "c")
    assert member.take_hard_state() is None


def test_who_took_itself_out_may_stand_until_that_is_committed() -> None:
    member = local()
    member.membership.append(1, members("bc"))
    assert (member.is_voter(), member.may_stand()) == (False, True)
    assert not local("bc").may_stand()


def test_loyalty_lasts_an_election_time() -> None:
    member = local()
    member.leader, member.heard = NodeId("b"), 10.0
    assert member.is_loyal()
    member.now = 11.0
    assert not member.is_loyal()
