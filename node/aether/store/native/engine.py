"""The native engine: a replica, its links and its driver behind `ports.Consensus`."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members
from aether.core.raft.values import Change, RaftConfig, Remove, Role
from aether.errors import AetherError, ConfigInvalid, Conflict, NoQuorum
from aether.ports import Member, MemberStatus
from aether.store.disk.directory import Directory
from aether.store.disk.entry_log import LogLimits
from aether.store.disk.errors import DirectoryInUse, WrongMember
from aether.store.native.answers import (
    failure_of,
    may_be_retried,
    resolve,
    resolve_read,
    transfer_failure,
    value_of,
)
from aether.store.native.driver import Driver
from aether.store.native.handshake import Introduction
from aether.store.native.links import LinkEvents, Links
from aether.store.native.packets import Packet
from aether.store.native.replica import Replica
from aether.store.native.results import Applied, Done, ReadDone, Refused, Result, Unknown
from aether.store.native.settings import ReplicaSpec
from aether.store.origin import Origin, check_beginning, write_origin
from aether.store.spec import ConsensusSpec
from aether.tasks import Tasks

HAND_OVER_S = 1.0
"""How long a leader that stops tries to have somebody else lead."""
POLL_S = 0.01
"""Between looks at who leads, in the rare calls that wait for that."""
RETRY_S = 0.1
"""Between attempts at a change of members that cannot be made yet."""

log = structlog.get_logger()


class NativeConsensus:
    """One member of a group, with its log below `{data_dir}/store` and its links to the others.

    Besides the port it has `submit` and `read`, which call back and cost no task or future. After
    a fault of ours `wait_failed` returns: the member takes no part until it is made anew.
    """

    def __init__(self, spec: ConsensusSpec, dice: Callable[[], float] = random.random) -> None:
        self._spec = spec
        self._dice = dice
        self._replica: Replica | None = None
        self._listed_of: Members | None = None
        self._listed: tuple[Member, ...] = ()
        self._driver: Driver | None = None
        self._links: Links | None = None
        self._directory: Directory | None = None
        self._tasks: Tasks | None = None
        self._opened = False
        self._founders = tuple(sorted(spec.members, key=lambda each: each.node))

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open log and sockets and take part.

        Raises ConfigInvalid when the port or the TLS files cannot be had, the directory is another
        member's or its votes are lost; OSError when the disk fails.
        """
        loop = asyncio.get_running_loop()
        spec = self._spec
        self._links = links = Links(
            Introduction(
                cluster_id=spec.cluster_id,
                node=spec.node,
                incarnation=spec.incarnation,
                address=_address(spec),
            ),
            LinkEvents(self._received, self._lost),
            spec.tls,
            self._dice,
        )
        check_beginning(spec.data_dir, founds=bool(spec.members))
        self._directory = directory = _directory(spec)
        self._replica = replica = Replica(
            replica_spec(spec),
            directory,
            spec.machine,
            links,
            self._dice,
            time.perf_counter,
            on_members=self._members_changed,
        )
        self._driver = Driver(replica, links)
        self._tasks = Tasks()
        self._tasks.start("raft-fault", self._after_a_fault(self._driver, replica, links))
        try:
            # Reading the log takes seconds where it is long: not on the loop of others.
            await loop.run_in_executor(None, replica.open, loop.time())
            # Before anything is promised: from now on an empty directory is a lost one.
            write_origin(spec.data_dir, Origin.FOUNDED if spec.members else Origin.JOINED)
            self._opened = True
            self._dial(self.members)
            await links.listen(*spec.bind)
        except WrongMember as problem:
            await self.stop()
            raise ConfigInvalid([str(problem)]) from problem
        except BaseException:
            await self.stop()
            raise
        self._driver.start()

    async def stop(self) -> None:
        """Hand leadership over, then leave; what was acknowledged stays on disk.

        Who waits is answered `stopped` or with an unknown outcome.
        """
        driver, links, replica = self._driver, self._links, self._replica
        if driver is not None and driver.running:
            await self._hand_over()
        if self._tasks is not None:
            await self._tasks.stop()
        if driver is not None:
            await driver.stop()
        if replica is not None:
            replica.close()
        if self._directory is not None:
            self._directory.close()
        self._opened = False
        if links is not None:
            await links.close()
        self._driver = self._links = self._replica = self._directory = None

    async def _hand_over(self) -> None:
        """Have somebody else lead before this member goes, so that writers hardly notice."""
        replica = self._replica
        if replica is None or replica.role is not Role.LEADER:
            return
        heir = self._heir(replica)
        if heir is None:
            return
        try:
            async with asyncio.timeout(HAND_OVER_S):
                await self.transfer_leadership(heir, HAND_OVER_S)
                while self.leader in (None, self._spec.node):  # noqa: ASYNC110 - nothing announces it
                    await asyncio.sleep(POLL_S)
        except (AetherError, TimeoutError) as problem:
            log.info("leadership could not be handed over", problem=str(problem))

    def _heir(self, replica: Replica) -> NodeId | None:
        """Return the voter within reach that has most of the log; None when there is none.

        Asked for by name, a transfer that is asked for twice is made once.
        """
        reached = self._links.connected() & self._links.hears() if self._links else frozenset()
        voters = {each.node for each in self.members if each.voter} & reached
        peers = [
            each
            for each in replica.status(asyncio.get_running_loop().time()).peers
            if each.node in voters
        ]
        best = max(peers, key=lambda each: (each.match, -each.silent_s), default=None)
        return None if best is None else best.node

    async def _after_a_fault(self, driver: Driver, replica: Replica, links: Links) -> None:
        """Answer who waits and cut the links, so that the others look for another leader at once."""
        await driver.failed.wait()
        await links.close()
        await driver.stop()
        replica.close()

    async def wait_failed(self) -> BaseException:
        """Return the fault after which this member stopped taking part; waits until there is one."""
        _, driver = self._running()
        await driver.failed.wait()
        assert driver.failure is not None  # noqa: S101 - set before the event
        return driver.failure

    def _running(self) -> tuple[Replica, Driver]:
        if self._replica is None or self._driver is None:
            raise NoQuorum(f"the store of {self._spec.node} is not running")
        return self._replica, self._driver

    def _received(self, sender: NodeId, packet: Packet) -> None:
        if self._driver is not None:
            self._driver.received(sender, packet)

    def _lost(self, node: NodeId) -> None:
        if self._driver is not None:
            self._driver.lost(node)

    def _members_changed(self, found: Members) -> None:
        if self._driver is None or not self._driver.running:
            # Still opening, in a thread; `start` looks itself.
            return
        members = _listed(found)
        self._dial(members)
        log.info("members changed", members=[each.node for each in members])
        if self._spec.on_members is not None:
            self._spec.on_members(members)

    def _dial(self, members: Sequence[Member]) -> None:
        if self._links is not None:
            self._links.set_members((each.node, each.address) for each in members)

    # -- commands and reads --------------------------------------------------------------------

    def submit(self, command: bytes, done: Done, timeout_s: float) -> None:
        """Commit `command`; `done` is told what became of it, exactly once, within the time."""
        driver = self._driver
        if driver is None or self._replica is None or not driver.running:
            done(Refused("stopped", f"the store of {self._spec.node} is not running"))
            return
        now = driver.now()
        self._replica.submit(command, done, now + timeout_s, now)
        driver.wake()

    def read(self, done: ReadDone, timeout_s: float) -> None:
        """Tell `done` None once this member has applied all that was acknowledged before."""
        driver = self._driver
        if driver is None or self._replica is None or not driver.running:
            done(Refused("stopped", f"the store of {self._spec.node} is not running"))
            return
        now = driver.now()
        self._replica.read(done, now + timeout_s, now)
        driver.wake()

    async def propose(self, command: bytes, timeout_s: float) -> bytes:
        """Commit `command` and return what `apply` answered here; see `ports.Consensus`."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.submit(command, partial(resolve, answer), timeout_s)
        return value_of(await answer)

    async def barrier(self, timeout_s: float) -> None:
        """Return once this member has applied everything acknowledged before the call."""
        answer: asyncio.Future[Refused | Unknown | None]
        answer = asyncio.get_running_loop().create_future()
        self.read(partial(resolve_read, answer), timeout_s)
        if (problem := await answer) is not None:
            raise failure_of(problem)

    # -- the group -----------------------------------------------------------------------------

    @property
    def leader(self) -> NodeId | None:
        """The member that leads, as far as this one knows; None while nobody does."""
        return self._replica.leader if self._opened and self._replica is not None else None

    @property
    def term(self) -> int:
        """Current Raft term."""
        return self._replica.term if self._opened and self._replica is not None else 0

    @property
    def members(self) -> Sequence[Member]:
        """Members, sorted by node; this one included, unless it is not one (yet, or any more)."""
        if not self._opened or self._replica is None:
            return self._founders
        found = self._replica.members
        if found is not self._listed_of:
            # Asked for ten times a second by the server, changed once a month.
            self._listed_of, self._listed = found, _listed(found)
        return self._listed

    async def add_member(self, member: Member, timeout_s: float) -> None:
        """Make a node a member, a voter once it has caught up; see `ports.Group`."""
        present = {each.node: each for each in self.members}.get(member.node)
        if present is not None and present.address != member.address:
            raise Conflict(
                f"{member.node} is a member at {present.address}, not {member.address}; "
                "remove it before it joins from another address"
            )
        await self._asked(lambda replica, *rest: replica.add(member, *rest), timeout_s)

    async def remove_member(self, node: NodeId, timeout_s: float) -> None:
        """Take a node out, the leader included; see `ports.Group`."""
        await self._changed(Remove(node), timeout_s)

    async def _changed(self, change: Change, timeout_s: float) -> None:
        """Have a change made; asks again while it cannot be made yet."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            result = await self._result(
                lambda replica, *rest: replica.change(change, *rest), deadline - loop.time()
            )
            waits = isinstance(result, Refused) and may_be_retried(result)
            if not waits or loop.time() + RETRY_S >= deadline:
                value_of(result)
                return
            await asyncio.sleep(RETRY_S)

    async def transfer_leadership(self, node: NodeId | None, timeout_s: float) -> NodeId:
        """Have `node`, or whoever is most up to date, lead; return who does."""
        result = await self._result(lambda replica, *rest: replica.transfer(node, *rest), timeout_s)
        if not isinstance(result, Applied):
            raise transfer_failure(result)
        return NodeId(result.data.decode())

    async def _asked(self, ask: "_Ask", timeout_s: float) -> None:
        value_of(await self._result(ask, timeout_s))

    async def _result(self, ask: "_Ask", timeout_s: float) -> Result:
        replica, driver = self._running()
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        now = driver.now()
        ask(replica, partial(resolve, answer), now + timeout_s, now)
        driver.wake()
        return await answer

    async def status(self) -> MemberStatus:
        """Return how this member is, at once."""
        replica, driver = self._running()
        status = replica.status(driver.now())
        if driver.failure is not None:
            return replace(status, condition="failed", detail=f"a fault: {driver.failure!r}")
        problems = self._links.problems() if self._links is not None else {}
        told = [f"cannot speak to {node}: {why}" for node, why in sorted(problems.items())]
        return replace(status, detail="; ".join([status.detail, *told] if status.detail else told))


_Ask = Callable[[Replica, Done, float, float], None]


def replica_spec(spec: ConsensusSpec) -> ReplicaSpec:
    """Return what the replica is told of an engine's settings."""
    timing, limits = spec.timing, spec.limits
    return ReplicaSpec(
        node=spec.node,
        cluster_id=spec.cluster_id,
        members=tuple(spec.members),
        term=spec.term,
        raft=RaftConfig(
            node=spec.node,
            heartbeat_s=timing.heartbeat_s,
            election_s=timing.election_s,
            suspicion_s=timing.suspicion_s,
            notice_s=timing.notice_s,
        ),
        log=LogLimits(segment_bytes=limits.segment_bytes),
        snapshot_entries=limits.snapshot_entries,
        snapshot_bytes=limits.snapshot_bytes,
        keep_entries=limits.keep_entries,
        checkpoint_entries=limits.checkpoint_entries,
        max_waiting=limits.max_waiting,
    )


def _directory(spec: ConsensusSpec) -> Directory:
    try:
        return Directory(spec.data_dir / "store")
    except DirectoryInUse as problem:
        raise ConfigInvalid([str(problem)]) from problem


def _listed(members: Members) -> tuple[Member, ...]:
    found = [Member(peer.node, peer.address) for peer in members.voters]
    found += [Member(peer.node, peer.address, voter=False) for peer in members.learners]
    return tuple(sorted(found, key=lambda each: each.node))


def _address(spec: ConsensusSpec) -> str:
    """Return where other members reach this one."""
    if spec.address:
        return spec.address
    for member in spec.members:
        if member.node == spec.node:
            return member.address
    if spec.members:
        raise ConfigInvalid([f"node {spec.node} is not among the members of its store"])
    host, port = spec.bind
    return f"{host}:{port}"
