"""Values of the cluster service as protobuf messages and back; what comes in is checked here."""

from collections.abc import Iterable

from aether.core.agent.formation_state import (
    Accepted,
    Announcement,
    Formed,
    KnownNode,
    Proposal,
    Refused,
)
from aether.core.model.ids import Artifact, NodeId, parse_node_id
from aether.core.model.records import ArtifactRecord, decode, encode
from aether.errors import Invalid
from aether.ports import ApiRequest, ApiResponse
from aether.proto.v1 import cluster_pb2 as pb
from aether.rpc.handlers import NodeReport

MAX_MEMBERS = 256
"""Most nodes in one message."""

_MOST_TERM = 1 << 62

MAX_ADDRESS = 300
"""Longest `host:port`, in characters: a DNS name has at most 253."""


def node_to_wire(node: KnownNode) -> pb.Node:
    """Return a node as its message."""
    return pb.Node(
        node=node.node,
        cluster_address=node.cluster_addr,
        raft_address=node.raft_addr,
        worker=node.worker,
    )


def node_from_wire(message: pb.Node) -> KnownNode:
    """Read a node; raise Invalid when its id or an address is none."""
    return KnownNode(
        _node_id(message.node),
        _address(message.cluster_address),
        _address(message.raft_address),
        message.worker,
    )


def _node_id(text: str) -> NodeId:
    try:
        return parse_node_id(text)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    good = colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if text and (not good or len(text) > MAX_ADDRESS):
        raise Invalid(f"{text[:MAX_ADDRESS]!r} is not an address: expected host:port")
    return text


def _nodes_from_wire(messages: Iterable[pb.Node]) -> tuple[KnownNode, ...]:
    nodes = tuple(node_from_wire(message) for message in messages)
    if len(nodes) > MAX_MEMBERS:
        raise Invalid(f"a message names {len(nodes)} nodes, the most is {MAX_MEMBERS}")
    return nodes


def formed_to_wire(formed: Formed) -> pb.Formed:
    """Return a cluster as its message."""
    return pb.Formed(
        cluster_id=formed.cluster_id,
        members=[node_to_wire(node) for node in formed.members],
        term=formed.term,
    )


def formed_from_wire(message: pb.Formed) -> Formed:
    """Read a cluster; raise Invalid when it has no id or a broken member."""
    if not 0 < len(message.cluster_id) <= 64:
        raise Invalid(f"{message.cluster_id[:64]!r} is not a cluster id: 1 to 64 characters")
    if message.term >= _MOST_TERM:
        raise Invalid(f"term {message.term} is above every term there can be")
    members = tuple(sorted(_nodes_from_wire(message.members)))
    return Formed(message.cluster_id, members, message.term)


def announcement_to_wire(value: Announcement) -> pb.Announcement:
    """Return an announcement as its message."""
    return pb.Announcement(
        sender=node_to_wire(value.sender),
        formed=formed_to_wire(value.formed) if value.formed is not None else None,
        heard=[node_to_wire(node) for node in value.heard],
    )


def announcement_from_wire(message: pb.Announcement) -> Announcement:
    """Read an announcement; raise Invalid when anything in it is broken."""
    return Announcement(
        node_from_wire(message.sender),
        formed_from_wire(message.formed) if message.HasField("formed") else None,
        _nodes_from_wire(message.heard),
    )


def proposal_to_wire(value: Proposal) -> pb.Proposal:
    """Return a proposal as its message."""
    return pb.Proposal(
        founder=value.founder,
        cluster_id=value.cluster_id,
        members=[node_to_wire(node) for node in value.members],
    )


def proposal_from_wire(message: pb.Proposal) -> Proposal:
    """Read a proposal; raise Invalid when anything in it is broken."""
    formed = formed_from_wire(pb.Formed(cluster_id=message.cluster_id, members=message.members))
    return Proposal(_node_id(message.founder), formed.cluster_id, formed.members)


def answer_to_wire(answer: Accepted | Refused) -> pb.FoundingAnswer:
    """Return the answer to a proposal as its message."""
    match answer:
        case Accepted():
            return pb.FoundingAnswer(accepted=True)
        case Refused(reason):
            return pb.FoundingAnswer(accepted=False, reason=reason)


def answer_from_wire(message: pb.FoundingAnswer) -> Accepted | Refused:
    """Read the answer to a proposal."""
    return Accepted() if message.accepted else Refused(message.reason)


def request_to_wire(request: ApiRequest) -> pb.ApiRequest:
    """Return a management call as its message."""
    return pb.ApiRequest(
        method=request.method,
        path=request.path,
        headers=dict(request.headers),
        body=request.body,
    )


def request_from_wire(message: pb.ApiRequest) -> ApiRequest:
    """Read a management call."""
    return ApiRequest(
        method=message.method,
        path=message.path,
        headers=dict(message.headers),
        body=message.body,
    )


def response_to_wire(response: ApiResponse) -> pb.ApiResponse:
    """Return the answer to a management call as its message."""
    return pb.ApiResponse(
        status=response.status, headers=dict(response.headers), body=response.body
    )


def response_from_wire(message: pb.ApiResponse) -> ApiResponse:
    """Read the answer to a management call."""
    return ApiResponse(status=message.status, headers=dict(message.headers), body=message.body)


def report_to_wire(report: NodeReport) -> pb.NodeReport:
    """Return a report as its message."""
    return pb.NodeReport(
        node=report.node,
        incarnation=report.incarnation,
        in_flight=report.in_flight,
        instances=report.instances,
        table_revision=report.table_revision,
        sample=report.sample,
    )


def report_from_wire(message: pb.NodeReport) -> NodeReport:
    """Read a report; raise Invalid when it names no node."""
    return NodeReport(
        node=_node_id(message.node),
        incarnation=message.incarnation,
        in_flight=message.in_flight,
        instances=message.instances,
        table_revision=message.table_revision,
        sample=message.sample,
    )


def replicate_to_wire(
    artifact: Artifact, record: ArtifactRecord, source: NodeId
) -> pb.ReplicateRequest:
    """Return a wish for a copy as its message."""
    return pb.ReplicateRequest(artifact=artifact, record=encode(record), source=source)


def replicate_from_wire(message: pb.ReplicateRequest) -> tuple[Artifact, ArtifactRecord, NodeId]:
    """Read a wish for a copy; raise Invalid when the artifact or its record is none."""
    try:
        artifact, record = Artifact(message.artifact), decode(message.record, ArtifactRecord)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem
    return artifact, record, _node_id(message.source)
