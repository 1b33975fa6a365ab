"""What a node answers to peers before and after it has started."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest

from aether.api.service import Api
from aether.artifacts.repository import Repository
from aether.control.manager import ClusterDeploymentManager
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.records import ArtifactRecord, Manifest
from aether.errors import NotFound, NotLeader, Unavailable
from aether.node.clock import MonotonicClock
from aether.node.handlers import PeerHandlers
from aether.ports import ApiRequest, ApiResponse, Store
from aether.rpc.handlers import NodeReport
from aether.telemetry.cluster_metrics import ClusterMetrics

N1, N2 = NodeId("n1"), NodeId("n2")
ARTIFACT = Artifact("org.example:app:1.0.0")
REPORT = NodeReport(node=N2, incarnation="life-1")


class Peer:
    """Stands for the other parts: an API, a store that knows a leader, a control loop."""

    leader: NodeId | None = N1

    def __init__(self) -> None:
        self.heard: list[tuple[NodeId, str]] = []

    async def handle(self, request: ApiRequest) -> ApiResponse:
        return ApiResponse(status=200, body=request.path.encode())

    def hear(self, node: NodeId, incarnation: str) -> None:
        self.heard.append((node, incarnation))


async def fetch(_: NodeId, __: ArtifactRecord) -> bytes:
    return b"wheel"


def handlers(folder: Path, peer: Peer | None = None) -> PeerHandlers:
    made = PeerHandlers(N1, cast("Any", None), Repository(folder), fetch)
    if peer is not None:
        metrics = ClusterMetrics(N1, MonotonicClock(), lambda: peer.leader)
        control = cast("ClusterDeploymentManager", peer)
        made.serve(cast("Api", peer), cast("Store", peer), control, metrics)
    return made


async def test_before_it_has_started_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="starting"):
        await handlers(tmp_path).forward(ApiRequest(method="GET", path="/"))
    with pytest.raises(Unavailable, match="starting"):
        await handlers(tmp_path).report(REPORT)


async def test_a_forwarded_call_is_answered_by_the_api(tmp_path: Path) -> None:
    answer = await handlers(tmp_path, Peer()).forward(ApiRequest(method="GET", path="/x"))
    assert answer.body == b"/x"


async def test_reports_count_only_where_the_leader_is(tmp_path: Path) -> None:
    peer = Peer()
    await handlers(tmp_path, peer).report(REPORT)
    assert peer.heard == [(N2, "life-1")]
    peer.leader = N2
    with pytest.raises(NotLeader, match="n2"):
        await handlers(tmp_path, peer).report(REPORT)


async def test_a_copy_is_fetched_once_and_given_on_in_chunks() -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = handlers(Path(folder))
        digest = hashlib.sha256(b"wheel").hexdigest()
        record = ArtifactRecord(
            digest=digest,
            size=5,
            filename="x.whl",
            holders=(N2,),
            manifest=Manifest(artifact=ARTIFACT, entry="a:b", kind="slice"),
        )
        with pytest.raises(NotFound):
            _ = [chunk async for chunk in made.artifact_chunks(digest)]
        assert await made.replicate(ARTIFACT, record, N2)
        assert await made.replicate(ARTIFACT, record, N2)
        assert [chunk async for chunk in made.artifact_chunks(digest)] == [b"wheel"]


async def test_a_copy_with_other_bytes_is_not_kept(tmp_path: Path) -> None:
    record = ArtifactRecord(
        digest="0" * 64,
        size=5,
        filename="x.whl",
        holders=(N2,),
        manifest=Manifest(artifact=ARTIFACT, entry="a:b", kind="slice"),
    )
    made = handlers(tmp_path)
    assert not await made.replicate(ARTIFACT, record, N2)
    with pytest.raises(NotFound):
        _ = [chunk async for chunk in made.artifact_chunks(record.digest)]
