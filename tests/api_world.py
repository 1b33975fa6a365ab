"""A management API over a real store of one member, with fakes at the other ports."""

import asyncio
import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from aether.api.call import Context
from aether.api.service import Api
from aether.chronicle.chronicle import Chronicle
from aether.chronicle.event_feed import EventFeed
from aether.control.scaling import ScalingGround, ScalingLoop
from aether.control.scaling_telling import ScalingDesk
from aether.core.model import keys
from aether.core.model.alert_records import WebhookRecord
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.plan import Plan
from aether.core.model.reason import Reason
from aether.core.model.records import ArtifactRecord, EpochRecord, Manifest, encode
from aether.core.model.store_records import BackupRecord
from aether.core.model.view import ClusterView
from aether.core.store.commands import Applied, Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import AetherError, DigestMismatch, Unavailable
from aether.node.clock import MonotonicClock
from aether.ports import ApiRequest, ApiResponse, Backups, Member, MemberStatus, PeerProgress
from aether.store.backup.inline import InlineBackups
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.traces import NodeTraces
from aether.telemetry.traffic import NodeTraffic
from aether_forge.sim.oracle import Oracle
from tests.scaling_world import FakeLoads, StoreControl
from tests.worlds import APP, SHOP

NODE = NodeId("node-1")
SHOP_1 = f"{SHOP}:1.0.0"
BLUEPRINT = f'id = "{APP}:1.0.0"\n[[slices]]\nartifact = "{SHOP_1}"\nmax_instances = 5\n'
"""Blueprint `APP` with one slice; its artifact is `SHOP_1`."""
POLL_S = 0.01
BY_TEST = Reason("test", "test", "a test wants it so")


class FakeIntake:
    """Takes any bytes as the wheel of one artifact; keeps its record in the store."""

    def __init__(self, store: KvStore) -> None:
        self._store = store
        self.accepted: list[tuple[str, str | None]] = []

    async def accept(
        self, wheel: bytes, filename: str, expected_digest: str | None
    ) -> ArtifactRecord:
        digest = hashlib.sha256(wheel).hexdigest()
        if expected_digest not in (None, digest):
            raise DigestMismatch(f"the digest is {digest}, not {expected_digest}")
        self.accepted.append((filename, expected_digest))
        record = artifact_record("org.example:pushed:1.0.0", digest=digest, size=len(wheel))
        artifact = record.manifest.artifact
        await self._store.txn(Txn((Put(keys.artifact(artifact), encode(record)),), BY_TEST))
        return record


MEMBERS = (
    Member(NODE, "node-1:1"),
    Member(NodeId("node-2"), "node-2:1"),
    Member(NodeId("node-3"), "node-3:1"),
    Member(NodeId("node-4"), "node-4:1", voter=False),
)


WORKERS = [{"worker": 0, "pid": 7, "status": "ok"}]


class FakeRouters:
    """Router processes that write down how often they were replaced."""

    def __init__(self) -> None:
        self.restarts = 0
        self.hang = False

    async def restart(self) -> list[dict[str, Any]]:
        if self.hang:
            await asyncio.Event().wait()
        self.restarts += 1
        return WORKERS

    async def health(self) -> list[dict[str, Any]]:
        return WORKERS


class FakeTeller:
    """Tells webhooks nothing, and answers as the test wants."""

    def __init__(self) -> None:
        self.status = 200
        self.tried: list[WebhookRecord] = []

    def state(self, name: str) -> Mapping[str, object]:
        return {"failures": 0, "name": name}

    async def try_out(self, name: str, record: WebhookRecord) -> int:
        self.tried.append(record)
        return self.status


class FakeGroup:
    """Three voters and a learner, led by node-1; remembers the changes asked of it."""

    def __init__(self) -> None:
        self.members: Sequence[Member] = MEMBERS
        self.leader: NodeId | None = NODE
        self.term = 3
        self.silent_s = {member.node: 0.01 for member in MEMBERS[1:]}
        self.changes: list[str] = []
        self.problem: AetherError | None = None

    async def add_member(self, member: Member, timeout_s: float) -> None:
        self._change(f"add {member.node} {member.voter}", timeout_s)

    async def remove_member(self, node: NodeId, timeout_s: float) -> None:
        self._change(f"remove {node}", timeout_s)

    async def transfer_leadership(self, node: NodeId | None, timeout_s: float) -> NodeId:
        self._change(f"transfer {node}", timeout_s)
        return node or NodeId("node-2")

    def _change(self, change: str, timeout_s: float) -> None:
        assert timeout_s > 0
        if self.problem is not None:
            raise self.problem
        self.changes.append(change)

    async def status(self) -> MemberStatus:
        leads = self.leader == NODE
        return MemberStatus(
            node=NODE,
            engine="native",
            role="leader" if leads else "follower",
            condition="ok",
            detail="",
            term=self.term,
            leader=self.leader,
            commit=90,
            applied=90,
            first_index=1,
            last_index=100,
            snapshot_index=0,
            members=tuple(self.members),
            peers=tuple(
                PeerProgress(node=node, match=80, state="replicate", silent_s=silent_s)
                for node, silent_s in self.silent_s.items()
                if leads
            ),
        )


@dataclass
class FakeLink:
    """Answers for the leader, and remembers what it was asked."""

    answer: ApiResponse | None = None
    answers: dict[NodeId, ApiResponse] = field(default_factory=dict)
    asked: list[tuple[NodeId, ApiRequest]] = field(default_factory=list)

    async def forward(self, leader: NodeId, request: ApiRequest) -> ApiResponse:
        self.asked.append((leader, request))
        if leader in self.answers:
            return self.answers[leader]
        if self.answer is None:
            raise Unavailable(f"{leader} does not answer")
        return self.answer


def artifact_record(artifact: str, digest: str = "0" * 64, size: int = 1) -> ArtifactRecord:
    return ArtifactRecord(
        digest=digest,
        size=size,
        filename="x-1.0.0-py3-none-any.whl",
        holders=(NODE,),
        manifest=Manifest(artifact=Artifact(artifact), entry="x:X", kind="slice"),
    )


@dataclass
class Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        value = msgspec.json.decode(self.body)
        assert isinstance(value, dict)
        return value

    def items(self) -> list[dict[str, Any]]:
        found = self.json()["items"]
        assert isinstance(found, list)
        return found


class ApiWorld:
    """Node-1 of a cluster as its management API shows it."""

    def __init__(self) -> None:
        self.oracle = Oracle()
        machine = KvMachine()
        self.consensus = self.oracle.member(Member(NODE, "node-1:1"), machine)
        self.now_s = 1_700_000_000.0
        self.store = KvStore(self.consensus, machine, wall=lambda: self.now_s)
        self.intake = FakeIntake(self.store)
        self.link = FakeLink()
        self.group = FakeGroup()
        self.backups: Backups = InlineBackups(
            consensus=self.consensus, machine=machine, node=NODE, cluster_id="c-1"
        )
        self.backups_noted: list[BackupRecord] = []
        self.not_ready: list[str] = []
        self.last_plan = Plan()
        self.folder = Path(tempfile.gettempdir()) / f"ae{secrets.token_hex(6)}"
        self.chronicle = Chronicle(
            *(self.folder, self.store, MonotonicClock(), "c-1"), wall=lambda: self.now_s
        )
        self.events = EventFeed(self.chronicle, MonotonicClock())
        self.teller = FakeTeller()
        self.tasks = Tasks()
        self.traffic = NodeTraffic(MonotonicClock())
        self.traces = NodeTraces(NODE)
        self.routers = FakeRouters()
        self.loads = FakeLoads()
        control = StoreControl(self.store)
        self.scaling_loop = ScalingLoop(
            ScalingGround(
                node=NODE,
                leader=lambda: self.store.leader,
                control=control,
                loads=self.loads,
                clock=MonotonicClock(),
                wall=lambda: self.now_s,
            )
        )
        self.scaling = ScalingDesk(self.scaling_loop, control)
        self.waiting: Sequence[str] = ()
        self.metrics = ClusterMetrics(NODE, MonotonicClock(), lambda: NodeId("node-2"))
        """As another leader told it; nothing until a test hands an aggregate over."""
        self.context = self._context()
        self.api = Api(self.context)

    def _context(self) -> Context:
        return Context(
            node=NODE,
            store=self.store,
            group=self.group,
            backups=self.backups,
            note_backup=self.backups_noted.append,
            link=self.link,
            intake=self.intake,
            readiness=lambda: self.not_ready,
            version="9.9.9",
            waiting=lambda: self.waiting,
            last_plan=lambda: self.last_plan,
            evaluate=lambda: self.last_plan,
            chronicle=self.chronicle,
            traffic=self.traffic,
            traces=self.traces,
            metrics=self.metrics,
            routers=self.routers,
            events=self.events,
            webhooks=self.teller,
            wall=lambda: self.now_s,
            scaling=self.scaling,
        )

    async def start(self) -> None:
        await self.consensus.start()
        record = EpochRecord(leader=NODE, epoch=1)
        await self.put({keys.EPOCH: encode(record)})

    async def record(self) -> None:
        """Have the chronicle follow the store from here on."""
        self.tasks.start("chronicle", self.chronicle.run())
        self.tasks.start("events", self.events.run())
        async with asyncio.timeout(20):
            while not self.events.revision:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(POLL_S)

    async def told(self) -> None:
        """Wait until the events of everything written so far are told."""
        async with asyncio.timeout(20):
            while self.events.revision < self.store.revision:  # noqa: ASYNC110 - as above
                await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        await self.tasks.stop()
        await self.chronicle.close()
        await self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def put(self, entries: Mapping[str, bytes]) -> None:
        await self.commit(*(Put(key, value) for key, value in entries.items()))

    async def commit(self, *operations: Operation) -> None:
        assert isinstance(await self.store.txn(Txn(operations, BY_TEST)), Applied)

    async def hold(self, view: ClusterView) -> None:
        """Write every record of the view into the store."""
        entries: dict[str, bytes] = {}
        entries |= {keys.node(node): encode(record) for node, record in view.nodes.items()}
        entries |= {keys.verdict(node): encode(record) for node, record in view.verdicts.items()}
        entries |= {keys.artifact(name): encode(record) for name, record in view.artifacts.items()}
        entries |= {
            keys.blueprint(base): encode(record) for base, record in view.blueprints.items()
        }
        entries |= {keys.target(base): encode(record) for base, record in view.targets.items()}
        entries |= {keys.wanted(*placed): encode(record) for placed, record in view.wanted.items()}
        entries |= {keys.phase(*placed): encode(record) for placed, record in view.phases.items()}
        entries |= {keys.route(*route): encode(record) for route, record in view.routes.items()}
        entries |= {keys.traffic(base): encode(record) for base, record in view.traffic.items()}
        await self.put(entries)

    async def stream(self, path: str) -> bytes:
        """Return a streamed answer, whole."""
        answer = await self.api.handle(ApiRequest(method="GET", path=f"/api/v1/{path}"))
        assert answer.status == 200
        assert answer.stream is not None
        return b"".join([piece async for piece in answer.stream])

    async def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Ask the API; a path that does not begin with a slash is below /api/v1/."""
        full = path if path.startswith("/") else f"/api/v1/{path}"
        answer = await self.api.handle(
            ApiRequest(method=method, path=full, headers=headers or {}, body=body)
        )
        if answer.stream is not None:
            await answer.stream.aclose()
        return Answered(answer.status, answer.headers, answer.body)
