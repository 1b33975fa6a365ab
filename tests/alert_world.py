"""A node that leads and looks for trouble: a real store of one member, its API, time that a test moves."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aether.api.service import Api
from aether.control.alerting import Alerting, AlertSources
from aether.control.member_facts import MemberFacts
from aether.control.webhooks import Webhooks
from aether.core.model import keys
from aether.core.model.alert_records import Severity
from aether.core.model.ids import NodeId
from aether.core.model.records import EpochRecord, encode
from aether.core.model.view import PREFIXES, ClusterView, project
from aether.core.store.commands import Delete
from aether.ports import ApiRequest, ApiResponse
from aether.tasks import Tasks
from aether.telemetry.webhook_http import post
from tests.api_world import NODE, POLL_S, ApiWorld


@dataclass
class MovedClock:
    """Time that stands still until it is moved."""

    at: float = 1000.0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        await asyncio.sleep(0)


@dataclass
class SelfLink:
    """The way from a node to itself: its API."""

    api: Api

    async def forward(self, leader: NodeId, request: ApiRequest) -> ApiResponse:
        assert leader
        return await self.api.handle(request)


@dataclass
class AlertWorld:
    api: ApiWorld
    clock: MovedClock = field(default_factory=MovedClock)
    measured: dict[str, dict[str, float]] = field(default_factory=dict)
    """What is measured now: values by metric and subject."""

    def __post_init__(self) -> None:
        world = self.api
        self.webhooks = Webhooks(
            NODE, world.store, self.clock, world.events, post, "c-1", wall=lambda: world.now_s
        )
        self.serving = replace(world.context, webhooks=self.webhooks)
        self.facts = MemberFacts(NODE, world.group, SelfLink(Api(self.serving)), self.clock)
        sources = AlertSources(
            measured=lambda metric: self.measured.get(metric, {}).items(),
            view=self.view,
            conditions=(self.facts.values, self.webhooks.failing),
        )
        self.alerting = Alerting(NODE, world.store, self.clock, sources, wall=lambda: world.now_s)
        self.tasks = Tasks()

    def view(self) -> ClusterView:
        level = self.api.store.level(PREFIXES)
        entries = ((entry.key, entry.value, entry.mod_revision) for entry in level.entries)
        return project(entries, level.revision)

    async def look(self, seconds: float = 0.0) -> None:
        """Let one look a second happen for so long, and one more."""
        for _ in range(int(seconds) + 1):
            await self.facts.look()
            await self.alerting.look()
            self.clock.at += 1.0
            self.api.now_s += 1.0

    def active(self) -> Mapping[tuple[str, str], Severity]:
        return self.alerting.book().active()

    async def webhooks_rest(self, webhooks: Webhooks | None = None) -> None:
        """Wait until no webhook is being told anything."""
        one = webhooks or self.webhooks
        async with asyncio.timeout(10):
            while any(line.busy for line in one._lines.values()):  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(POLL_S)

    async def delete(self, key: str) -> None:
        await self.api.commit(Delete(key))

    async def lead(self, epoch: int = 2) -> None:
        await self.api.put({keys.EPOCH: encode(EpochRecord(leader=NODE, epoch=epoch))})


@asynccontextmanager
async def alert_world() -> AsyncIterator[AlertWorld]:
    api = ApiWorld()
    await api.start()
    made = AlertWorld(api)
    try:
        yield made
    finally:
        await made.tasks.stop()
        await api.stop()
