"""Who may become a member, and what is done to one that lost its disk."""

import asyncio
from dataclasses import replace

import pytest

from aether.core.agent.formation_state import Announcement, Formed, KnownNode
from aether.core.model.ids import NodeId
from aether.errors import NoQuorum, Unavailable
from aether.ports import Member
from aether.rpc.admission import Admission, NodeIdTaken
from tests.integration.rpc_nodes import FakeConsensus


def node(number: int, port: int = 6000) -> KnownNode:
    return KnownNode(NodeId(f"node-{number}"), f"h:{port + number}", f"h:{port + 100 + number}")


class Cluster:
    """node-1's admission in a cluster of node-1 and node-2; `live` answers at its address."""

    def __init__(self) -> None:
        formed = Formed("c1", (node(1), node(2)))
        members = [Member(n.node, n.raft_addr) for n in formed.members]
        self.consensus = FakeConsensus(members)
        self.live: dict[str, KnownNode] = {}
        self.admission = Admission(node(1), formed, self.consensus, self.announce, self.address_of)

    async def announce(self, address: str, message: Announcement) -> Announcement:
        if address not in self.live:
            raise Unavailable(address)
        return Announcement(self.live[address])

    def address_of(self, _: NodeId) -> str | None:
        return None


async def test_a_new_node_is_added() -> None:
    cluster = Cluster()
    formed = await cluster.admission.admit(node(3))
    assert formed == Formed("c1", (node(1), node(2), node(3)), term=1)
    assert cluster.consensus.changes == ["+node-3"]
    assert cluster.admission.formed() == replace(formed, term=0)


async def test_a_member_that_starts_anew_is_taken_out_first() -> None:
    cluster = Cluster()
    cluster.live["h:6002"] = node(2)
    await cluster.admission.admit(node(2))
    assert cluster.consensus.changes == ["-node-2", "+node-2"]


async def test_the_newcomer_is_told_a_term_that_its_removal_had_reached() -> None:
    """Here the removal arrives late, and with it the term it was made in."""
    cluster = Cluster()
    removals: list[NodeId] = []

    async def removed_elsewhere(gone: NodeId, timeout_s: float) -> None:
        removals.append(gone)
        asyncio.get_running_loop().call_later(0.05, arrives)

    def arrives() -> None:
        cluster.consensus.by_node.pop(NodeId("node-2"))
        cluster.consensus.term = 7

    cluster.consensus.remove_member = removed_elsewhere  # type: ignore[method-assign,assignment] # late
    formed = await cluster.admission.admit(node(2))
    assert removals == ["node-2"]
    assert formed.term == 7


async def test_a_learner_is_taken_out_even_if_it_is_not_known_as_a_member() -> None:
    cluster = Cluster()
    formed = Formed("c1", (node(1), node(2)))
    admission = Admission(
        node(1), formed, cluster.consensus, cluster.announce, cluster.address_of, as_learners=True
    )
    await admission.admit(node(3))
    assert cluster.consensus.changes == ["-node-3", "+node-3"]


async def test_an_id_of_a_live_node_elsewhere_is_refused() -> None:
    cluster = Cluster()
    cluster.live["h:6002"] = node(2)
    with pytest.raises(NodeIdTaken, match="taken by the live node at h:6002") as caught:
        await cluster.admission.admit(node(2, port=7000))
    assert caught.value.code == "node_id_taken"
    assert cluster.consensus.changes == []


@pytest.mark.parametrize("other", [None, node(9)])
async def test_a_member_whose_old_address_is_deserted_has_moved(other: KnownNode | None) -> None:
    cluster = Cluster()
    if other is not None:
        cluster.live["h:6002"] = other
    formed = await cluster.admission.admit(node(2, port=7000))
    assert node(2, port=7000) in formed.members
    assert cluster.consensus.by_node[NodeId("node-2")].address == "h:7102"


async def test_nobody_is_admitted_under_the_name_of_this_node() -> None:
    with pytest.raises(NodeIdTaken):
        await Cluster().admission.admit(node(1, port=7000))


async def test_admissions_do_not_overlap() -> None:
    cluster = Cluster()
    async with asyncio.TaskGroup() as group:
        for number in (3, 4, 5):
            group.create_task(cluster.admission.admit(node(number)))
    assert sorted(cluster.consensus.changes) == ["+node-3", "+node-4", "+node-5"]
    assert len(cluster.admission.formed().members) == 5


async def test_without_a_quorum_the_newcomer_hears_so() -> None:
    cluster = Cluster()

    async def fail(member: Member, timeout_s: float) -> None:
        raise NoQuorum("no leader")

    cluster.consensus.add_member = fail  # type: ignore[method-assign] # one failing call
    with pytest.raises(NoQuorum):
        await cluster.admission.admit(node(3))
    assert all(member.node != "node-3" for member in cluster.admission.formed().members)
