"""How far an endpoint is."""

from aether.core.dataplane.members import TIERS, WARM, Member, tier_of
from aether.core.dataplane.rows import Endpoint
from aether.core.model.ids import InstanceId, NodeId, SliceBase


def endpoint(*, socket: str = "", zone: str = "") -> Endpoint:
    return Endpoint(
        instance=InstanceId("a:b:1.2.3/4"),
        slice=SliceBase("a:b"),
        node=NodeId("n"),
        socket=socket,
        mesh="" if socket else "h:1",
        zone=zone,
    )


def test_distance_is_node_then_zone_then_the_rest() -> None:
    assert tier_of(endpoint(socket="/s", zone="b"), "a") == 0
    assert tier_of(endpoint(zone="a"), "a") == 1
    assert tier_of(endpoint(zone="b"), "a") == 2
    assert tier_of(endpoint(), "") == TIERS - 1


def test_a_member_begins_idle_and_trusted() -> None:
    member = Member(endpoint(), WARM)
    assert (member.version, member.in_flight, member.is_fit) == ("1.2.3", 0, True)
    assert member.breaker.allows(0.0)
    assert not member.record.is_ejected(0.0)
