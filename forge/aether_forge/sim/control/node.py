"""One machine: hosts that outlive the node process, a member of the store, and the node's own life."""

import random
from collections.abc import Callable
from dataclasses import replace

from aether.control.providing import Providing
from aether.core.control.signals import ControlSettings
from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.core.model.records import ArtifactRecord, NodeRecord
from aether.core.store.machine import KvMachine
from aether.errors import NoQuorum
from aether.node.managers import Managers, ManagersGround, assemble_managers
from aether.ports import NodeProvider
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.control.hosts import SimulatedHosts
from aether_forge.sim.control.links import Ear, Links
from aether_forge.sim.control.quorum import Quorum, QuorumMember, read_command
from aether_forge.sim.loop import VirtualClock
from aether_forge.sim.owners import Owner

CLUSTER = "simulated"


class LatestTable:
    """A feed whose router takes every table at once."""

    def __init__(self) -> None:
        self.table: Table | None = None
        self.is_fresh = False
        """Whether the present life of the node has published: before it has read, it has nothing to say."""

    def publish(self, table: Table) -> None:
        """Make `table` the present one; raise ValueError when it contradicts itself."""
        if self.table is None or not table.says_the_same(self.table):
            problems = table.check()
            if problems:
                raise ValueError("; ".join(problems))
        self.table, self.is_fresh = table, True

    @property
    def confirmed(self) -> int | None:
        """Revision of the present table; -1 before the first."""
        return self.table.revision if self.table is not None else -1


class _Life(QuorumMember):
    """The store as one life of the node reaches it: nothing gets through once that life is over."""

    def __init__(self, quorum: Quorum, node: NodeId) -> None:
        super().__init__(quorum, node)
        self.over = False

    async def propose(self, command: bytes, timeout_s: float) -> bytes:
        """Commit `command` while this life lasts."""
        if self.over:
            raise NoQuorum("this life of the node is over")
        return await super().propose(command, timeout_s)


class SimNode:
    """One machine and the lives of its node."""

    def __init__(
        self,
        quorum: Quorum,
        links: Links,
        hosts: SimulatedHosts,
        record: NodeRecord,
        throw: Callable[[str], random.Random],
    ) -> None:
        self.node = record.node
        self.hosts = hosts
        self.machine = KvMachine(read_command)
        self.feed = LatestTable()
        self.managers: Managers | None = None
        self.store: KvStore | None = None
        self.owner = Owner(self.node)
        self.lives = 0
        self._record = record
        self._quorum = quorum
        self._links = links
        self._throw = throw
        self._life: _Life | None = None
        self.provider: NodeProvider | None = None
        """Whom this node asks for nodes while it leads."""
        self._tasks = Tasks()

    @property
    def runs(self) -> bool:
        """Whether the node process runs, frozen or not."""
        return self.managers is not None

    @property
    def is_frozen(self) -> bool:
        """Whether the node process stands still."""
        return self.owner.frozen

    def start(self, settings: ControlSettings, period_s: float, *, routed: bool) -> None:
        """Begin a new life of the node; the store member and the machine are up with it."""
        self.lives += 1
        self.hosts.down = self.feed.is_fresh = False
        self.owner = Owner(self.node)
        self._tasks = Tasks()
        self._life = _Life(self._quorum, self.node)
        dice = self._throw(f"store/{self.node}/{self.lives}")
        self.store = KvStore(self._life, self.machine, dice.random)
        ground = ManagersGround(
            record=_reborn(self._record, self.lives),
            cluster_id=CLUSTER,
            store=self.store,
            launcher=self.hosts,
            feed=self.feed,
            clock=VirtualClock(),
            prepare=_nothing_to_prepare,
            reports=self._links.link_of(self.node),
            settings=settings,
            period_s=period_s,
        )
        self.managers = assemble_managers(ground)
        self._links.ears[self.node] = Ear(self.owner, self.managers.control.hear)
        self._quorum.connect(self.node)
        self.owner.context.run(self.managers.start, self._tasks, tables=routed)
        if self.provider is not None:
            clock = VirtualClock()
            providing = Providing(self.node, self.store, self.provider, clock, settings)
            self.owner.context.run(self._tasks.start, "providing", providing.run())

    async def kill(self) -> None:
        """End the node process at whatever it awaits; hosts and the store member live on."""
        self.managers = None
        self._links.ears.pop(self.node, None)
        if self._life is not None:
            self._life.over = True
        if self.owner.frozen:
            self.owner.thaw()
        await self._tasks.stop()
        if self.store is not None:
            await self.store.close()
        self.store = None

    async def lose_power(self) -> None:
        """End everything on the machine; what the store member has on disk stays."""
        self._quorum.disconnect(self.node)
        self.hosts.power_off()
        self.feed.table = None
        await self.kill()


def _reborn(record: NodeRecord, lives: int) -> NodeRecord:
    return replace(record, incarnation=f"life-{lives}")


async def _nothing_to_prepare(_: ArtifactRecord) -> tuple[str, ...]:
    return ()
