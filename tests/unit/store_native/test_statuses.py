"""A member describes itself."""

from aether.ports import Member
from tests.unit.store_native.native_rig import Group


def test_leader_and_followers_tell_the_same_story() -> None:
    group = Group()
    group.elect()
    group.put("a", [b"x"])
    group.settle()
    statuses = {status.node: status for status in group.describe()}
    leader = statuses.pop(next(node for node in statuses if node == group.leader_name()))
    assert (leader.role, leader.condition, leader.engine) == ("leader", "ok", "native")
    assert {peer.node for peer in leader.peers} == set(statuses)
    assert all(peer.match == leader.commit for peer in leader.peers)
    assert [type(peer.state) for peer in leader.peers] == [str, str]
    for status in statuses.values():
        assert status.leader == leader.node
        assert (status.term, status.applied) == (leader.term, leader.applied)
        assert status.members == tuple(Member(each.node, each.address) for each in group.founders)
        assert status.peers == ()
