"""PySyncObj behind `ports.Consensus`, ticked on the node's event loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from pysyncobj import FAIL_REASON

from aether.core.model.ids import NodeId
from aether.core.store.codec import Noop, encode_command
from aether.core.store.limits import MAX_COMMAND_BYTES
from aether.errors import (
    AetherError,
    ConfigInvalid,
    Conflict,
    Invalid,
    NoQuorum,
    OutcomeUnknown,
    TooLarge,
)
from aether.ports import Member, MemberStatus
from aether.store.pysyncobj.commands import to_text
from aether.store.pysyncobj.disk import StoreDisk
from aether.store.pysyncobj.members import Voter, member_name, voters
from aether.store.pysyncobj.membership import MembershipGate
from aether.store.pysyncobj.network import Network
from aether.store.pysyncobj.replica import Replica, Timing, settings_of
from aether.store.pysyncobj.stamps import Stamps, stamped
from aether.store.pysyncobj.status import member_status
from aether.store.pysyncobj.transport import PeerTransport
from aether.store.spec import ConsensusSpec
from aether.tasks import Tasks

STALL_S = 0.25
"""After a pause of the event loop as long as this, peers are heard before time-outs are judged."""
RETRY_S = 0.1
FAILED_TICK_S = 1.0
DUE_S = 0.5
"""How often a leader asks the machine what falls due."""

# Refusals after which the command is surely in no log that can be committed. DISCARDED is one of
# them: another term's entry was applied in the command's place.
_NOT_ACCEPTED = {
    FAIL_REASON.QUEUE_FULL: "too many commands wait",
    FAIL_REASON.MISSING_LEADER: "there is no leader",
    FAIL_REASON.NOT_LEADER: "leadership moved",
    FAIL_REASON.DISCARDED: "leadership moved before the command was committed",
    FAIL_REASON.REQUEST_DENIED: "the leader cannot change the voters now",
}

_Answer = tuple[bytes | None, int]

log = structlog.get_logger()


class PySyncObjConsensus:
    """One member of a cluster of PySyncObj replicas."""

    def __init__(self, spec: ConsensusSpec, timing: Timing | None = None) -> None:
        self._spec = spec
        self._timing = timing or Timing()
        self._members = tuple(sorted(spec.members, key=lambda member: member.node))
        self._me = _own(spec)
        self._disk = StoreDisk(spec.data_dir / "store")
        self._stamps = Stamps(time.monotonic)
        self._wake = asyncio.Event()
        self._tasks = Tasks(self._task_failed)
        self._waiting: set[asyncio.Future[_Answer]] = set()
        self._changing = asyncio.Lock()
        self._replica: Replica | None = None
        self._network: Network | None = None
        self._leader: NodeId | None = None
        self._compacting = False
        me = Voter(member_name(self._me))
        self._gate = MembershipGate(me, self._applied, self._hand_over)
        self._transport = PeerTransport(
            voters(spec.members) - {me},
            term=lambda: self.term,
            wake=self._wake.set,
            changed=self._wake.set,
            gate=self._gate,
        )

    async def start(self) -> None:
        """Open log and sockets; raises ConfigInvalid or Unavailable when they cannot be had."""
        self._disk.open()
        try:
            self._open_replica()
            host, port = self._spec.bind
            await self._running_network().listen(host, port)
        except BaseException:
            await self.stop()
            raise
        self._tasks.start("raft-tick", self._tick_for_ever())
        self._tasks.start("raft-due", self._propose_what_is_due())

    def _open_replica(self) -> None:
        me = Voter(member_name(self._me))
        self._network = self._transport.open(
            self._me, self._spec.cluster_id, self._spec.incarnation
        )
        settings = settings_of(
            self._timing, self._disk, self._spec.machine, self._stamps, self._dump_written
        )
        self._replica = Replica(
            me,
            voters(self._spec.members) - {me},
            transport=self._transport,
            settings=settings,
            machine=self._spec.machine,
            stamps=self._stamps,
        )
        self._turn()

    async def stop(self) -> None:
        """Leave; what was acknowledged stays on disk, what waits is answered with unknown."""
        await self._tasks.stop()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(OutcomeUnknown("this member of the store stops"))
        if self._replica is not None:
            self._replica.destroy()
            self._replica = None
        if self._network is not None:
            await self._network.close()
            self._network = None
        self._leader = None
        self._disk.close()

    # -- the loop ------------------------------------------------------------------------------

    async def _tick_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        ticked = judged = loop.time()
        while True:
            timer = loop.call_later(self._timing.tick_s, self._wake.set)
            await self._wake.wait()
            timer.cancel()
            self._wake.clear()
            if loop.time() - ticked > STALL_S:
                # What peers sent meanwhile is still in the sockets: let their readers run first.
                for _ in range(8):
                    await asyncio.sleep(0)
            ticked = loop.time()
            if ticked - judged > 1.0:
                judged = ticked
                self._running_network().keep_alive()
            if not self._turned():
                await asyncio.sleep(FAILED_TICK_S)

    async def _propose_what_is_due(self) -> None:
        """While leading, commit what the machine says falls due; what fails falls due again."""
        while True:
            await asyncio.sleep(DUE_S)
            if self._leader != self._me.node:
                continue
            command = self._spec.machine.due(self._stamps.time_ms)
            if command is None:
                continue
            try:
                await self.propose(command, DUE_S)
            except AetherError as problem:
                log.debug("what is due was not committed", problem=problem.message)

    def _turned(self) -> bool:
        """Take one turn; an error of the library is logged and the next turn tries again."""
        try:
            self._turn()
        except OSError:
            # The disk refused: nothing may be promised any more, so this member falls silent.
            raise
        except Exception:
            log.exception("a tick of the raft library failed")
            return False
        return True

    def _turn(self) -> None:
        """Tick, make durable what the tick promised, and send it."""
        replica = self._running_replica()
        replica.doTick(0.0)
        if self._compacting:
            # The journal is rewritten in the next tick; nothing is heard or said in between.
            replica.doTick(0.0)
            self._disk.end_compaction()
            self._compacting = False
        self._flush()
        if len(self._members) == 1:
            # Alone: what is on disk now is committed now.
            replica.doTick(0.0)
            self._flush()
        self._leader = self._known_leader(replica)
        if self._leader != self._me.node:
            self._gate.clear()
        self._tell_members(replica)

    def _known_leader(self, replica: Replica) -> NodeId | None:
        """Return the leader; the library remembers one it has long lost the connection to."""
        leader: Voter | None = replica.getStatus()["leader"]
        if leader is None or not (leader == replica.selfNode or replica.isNodeConnected(leader)):
            return None
        return leader.member.node

    def _flush(self) -> None:
        transport = self._transport
        if transport.vote_touched:
            self._disk.sync_vote()
            transport.vote_touched = False
        if transport.journal_touched:
            self._disk.sync_journal()
            transport.journal_touched = False
        self._running_network().flush()

    def _tell_members(self, replica: Replica) -> None:
        present = {voter.member for voter in (*replica.otherNodes, replica.selfNode)}
        members = tuple(sorted(present, key=lambda member: member.node))
        if members != self._members:
            self._members = members
            log.info("voters changed", voters=[member.node for member in members])
            if self._spec.on_members is not None:
                self._spec.on_members(members)

    def _dump_written(self) -> None:
        self._compacting = True

    def _task_failed(self, name: str, failure: BaseException) -> None:
        log.critical("the store of this node fails", task=name, exc_info=failure)
        if self._network is not None:
            self._tasks.start("raft-silence", self._network.close())

    # -- what the port offers ------------------------------------------------------------------

    @property
    def leader(self) -> NodeId | None:
        """The member that leads, as far as this one knows; None while nobody does."""
        return self._leader

    @property
    def term(self) -> int:
        """Current Raft term."""
        return int(self._replica.raftCurrentTerm) if self._replica is not None else 0

    @property
    def members(self) -> Sequence[Member]:
        """Voters, sorted by node. A member that was removed still counts itself."""
        return self._members

    async def propose(self, command: bytes, timeout_s: float) -> bytes:
        """Commit `command` and return what `apply` answered here; see `ports.Consensus`."""
        if len(command) > MAX_COMMAND_BYTES:
            raise TooLarge(f"a command of {len(command)} bytes; the limit is {MAX_COMMAND_BYTES}")
        self._transport.journal_touched = True
        text = to_text(stamped(command, self._stamps.time_ms))
        commit = partial(self._running_replica().commit, text)
        return await self._asked(commit, timeout_s) or b""

    async def barrier(self, timeout_s: float) -> None:
        """Return once this member has applied everything acknowledged before the call."""
        await self.propose(encode_command(Noop()), timeout_s)

    async def add_member(self, member: Member, timeout_s: float) -> None:
        """Make a node a voter; raises Conflict when it is one with another address."""
        if not member.voter:
            raise Invalid(
                f"{member.node} cannot join as a learner: engine pysyncobj has only voters"
            )
        voter = Voter(member_name(member))

        async def step(left_s: float) -> bool:
            present = {known.node: known for known in self._members}.get(member.node)
            if present is not None and present != member:
                raise Conflict(
                    f"{member.node} votes from {present.address}, not {member.address}; "
                    "remove it before it joins from another address"
                )
            if present is None:
                await self._change(partial(self._running_replica().addNodeToCluster, voter), left_s)
            return True

        await self._change_voters(step, timeout_s)

    async def remove_member(self, node: NodeId, timeout_s: float) -> None:
        """Take a node out. Ask another member to remove this one: it may not learn of it here."""

        async def step(left_s: float) -> bool:
            present = {known.node: known for known in self._members}.get(node)
            if present is None:
                return True
            replica = self._running_replica()
            if node == self._leader == self._me.node:
                replica.transferLeadership()
                return False
            voter = Voter(member_name(present))
            await self._change(partial(replica.removeNodeFromCluster, voter), left_s)
            return True

        await self._change_voters(step, timeout_s)

    async def transfer_leadership(self, node: NodeId | None, timeout_s: float) -> NodeId:  # noqa: ARG002 - refused
        """Refuse: the library hands over without waiting, and cannot say whether it worked."""
        raise Invalid(
            "engine pysyncobj cannot hand over leadership on request: not supported; "
            "choose engine native, or restart the node that leads"
        )

    async def status(self) -> MemberStatus:
        """Return how this member is, as far as the library tells."""
        told = self._running_replica().getStatus()
        return member_status(self._me.node, self._members, self._leader, told)

    async def _change_voters(self, step: "_Step", timeout_s: float) -> None:
        """Take `step` until it succeeds; each step looks again, so repeating one does no harm."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        unknown = False
        problem = "another change of the voters is under way"
        async with self._changing:
            while (left_s := deadline - loop.time()) > 0:
                try:
                    if not self._gate.busy and await step(left_s):
                        return
                except NoQuorum as refusal:
                    problem = refusal.message
                except OutcomeUnknown as lost:
                    unknown, problem = True, lost.message
                await asyncio.sleep(min(RETRY_S, left_s))
        kind = OutcomeUnknown if unknown else NoQuorum
        raise kind(f"the voters were not changed within {timeout_s:g} s: {problem}")

    async def _change(self, ask: Callable[..., None], timeout_s: float) -> None:
        self._gate.local = True
        self._transport.journal_touched = True
        try:
            await self._asked(ask, min(timeout_s, 2.0))
        finally:
            self._gate.local = False

    async def _asked(self, ask: Callable[..., None], timeout_s: float) -> bytes | None:
        """Hand a command to the library and wait for its answer."""
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting.add(answer)
        ask(callback=partial(_resolve, answer))
        self._wake.set()
        try:
            async with asyncio.timeout(timeout_s):
                result, error = await answer
        except TimeoutError as late:
            raise OutcomeUnknown(f"no answer from the quorum within {timeout_s:g} s") from late
        finally:
            self._waiting.discard(answer)
        if error == FAIL_REASON.SUCCESS:
            return result
        if error in _NOT_ACCEPTED:
            raise NoQuorum(_NOT_ACCEPTED[error])
        raise OutcomeUnknown("leadership moved while the command was under way")

    def _applied(self) -> int:
        return int(self._running_replica().raftLastApplied)

    def _hand_over(self, voter: Voter) -> None:
        self._running_replica().transferLeadership(voter)
        self._wake.set()

    def _running_replica(self) -> Replica:
        if self._replica is None:
            raise NoQuorum(f"the store of {self._me.node} is not running")
        return self._replica

    def _running_network(self) -> Network:
        if self._network is None:
            raise NoQuorum(f"the store of {self._me.node} is not running")
        return self._network


_Step = Callable[[float], Awaitable[bool]]


def _own(spec: ConsensusSpec) -> Member:
    for member in spec.members:
        if member.node == spec.node:
            return member
    raise ConfigInvalid([f"node {spec.node} is not among the members of its store"])


def _resolve(answer: asyncio.Future[_Answer], result: bytes | None, error: int) -> None:
    if not answer.done():
        answer.set_result((result, error))
