"""Values survive the wire; what is broken on it is refused."""

import pytest

from aether.core.agent.formation_state import (
    Accepted,
    Announcement,
    Formed,
    KnownNode,
    Proposal,
    Refused,
)
from aether.core.model.ids import NodeId
from aether.errors import Invalid
from aether.ports import ApiRequest, ApiResponse
from aether.proto.v1 import cluster_pb2 as pb
from aether.rpc import values
from aether.rpc.handlers import NodeReport

ONE = KnownNode(NodeId("node-1"), "127.0.0.1:6001", "[::1]:6101")
TWO = KnownNode(NodeId("node-2"), "", "host.example:6102", worker=True)
FORMED = Formed("c1", (ONE, TWO), term=5)


@pytest.mark.parametrize(
    "value",
    [Announcement(ONE), Announcement(ONE, FORMED, (TWO,)), Announcement(TWO, None, (ONE, TWO))],
)
def test_announcements(value: Announcement) -> None:
    assert values.announcement_from_wire(values.announcement_to_wire(value)) == value


def test_proposals_and_answers() -> None:
    proposal = Proposal(ONE.node, "c1", (ONE, TWO))
    assert values.proposal_from_wire(values.proposal_to_wire(proposal)) == proposal
    for answer in (Accepted(), Refused("because")):
        assert values.answer_from_wire(values.answer_to_wire(answer)) == answer


def test_calls_and_reports() -> None:
    request = ApiRequest(method="PUT", path="/a?b=c", headers={"x": "y"}, body=b"\x00\xff")
    assert values.request_from_wire(values.request_to_wire(request)) == request
    response = ApiResponse(status=503, headers={"x": "y"}, body=b"\x00\xff")
    assert values.response_from_wire(values.response_to_wire(response)) == response
    report = NodeReport(node=ONE.node, incarnation="i", in_flight=1, instances=2, table_revision=3)
    assert values.report_from_wire(values.report_to_wire(report)) == report


@pytest.mark.parametrize(
    "address", ["nowhere", ":80", "h:", "h:0", "h:65536", "h:x", "h:-1", "h" * 400 + ":1"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(Invalid, match="is not an address"):
        values.node_from_wire(pb.Node(node="node-1", cluster_address=address))


def test_too_many_nodes_are_refused() -> None:
    crowd = [pb.Node(node=f"n{i}") for i in range(values.MAX_MEMBERS + 1)]
    with pytest.raises(Invalid, match="names 257 nodes"):
        values.announcement_from_wire(pb.Announcement(sender=pb.Node(node="a"), heard=crowd))


@pytest.mark.parametrize("cluster_id", ["", "x" * 65])
def test_a_cluster_without_a_proper_id_is_refused(cluster_id: str) -> None:
    with pytest.raises(Invalid, match="is not a cluster id"):
        values.formed_from_wire(pb.Formed(cluster_id=cluster_id))


def test_a_term_that_cannot_be_is_refused() -> None:
    with pytest.raises(Invalid, match="term"):
        values.formed_from_wire(pb.Formed(cluster_id="c1", term=1 << 62))


def test_a_record_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid, match="not a ArtifactRecord"):
        values.replicate_from_wire(
            pb.ReplicateRequest(artifact="g:n:1.0.0", record=b"[]", source="node-1")
        )
