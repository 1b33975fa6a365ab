"""One member of the consensus group, synchronous: Raft, its disk, its state machine, its callers.

Whoever drives it feeds packets, requests and the time in; `turn` then carries out all that follows
from them. It never waits: what takes long is handed out as a job. Everything asked of it is answered
exactly once, by a call made from within one of its methods.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members
from aether.core.raft.messages import Message
from aether.core.raft.raft import Raft
from aether.core.raft.values import Change, Output, Role
from aether.ports import Disk, Member, MemberStatus, StateMachine
from aether.store.disk.errors import Damaged, NoSpace
from aether.store.native.additions import Additions
from aether.store.native.applying import Applying
from aether.store.native.checkpoints import Checkpoints
from aether.store.native.comparing import Comparing
from aether.store.native.conditions import Condition, Health, Mark
from aether.store.native.durability import Durability
from aether.store.native.forwarding import Forwarding
from aether.store.native.jobs import BackgroundJob, Job, LogSync
from aether.store.native.leading import Leading
from aether.store.native.opening import Opened, open_member
from aether.store.native.packets import (
    MAX_COMMAND,
    Checkpoint,
    Forward,
    ForwardAnswer,
    Own,
    Packet,
    RequestAnswer,
    SnapshotAnswer,
    SnapshotChunk,
)
from aether.store.native.proposals import Proposals
from aether.store.native.reading import Reads
from aether.store.native.requests import Requests, Transfer, Wish
from aether.store.native.results import Done, ReadDone, Refused
from aether.store.native.settings import ReplicaSpec
from aether.store.native.snapshots import SnapshotLimits, Snapshots
from aether.store.native.space import Space
from aether.store.native.statuses import member_status

__all__ = ["Links", "OnMembers", "Replica", "ReplicaSpec"]

_log = structlog.get_logger(__name__)

STALL_S = 2.0
"""A sync that takes longer makes a leader hand over."""
IDLE_S = 60.0
"""Longest time without a tick."""

OnMembers = Callable[[Members], None]
"""Told who the members are, when it starts and whenever that changes."""


class Links(Protocol):
    """The ways to the other members."""

    def send(self, node: NodeId, packet: Packet) -> None:
        """Send a packet or drop it; never blocks, never raises."""
        ...


class Replica:
    """One member of the consensus group."""

    def __init__(  # noqa: PLR0913 - the seams of a member, each given once
        self,
        spec: ReplicaSpec,
        disk: Disk,
        machine: StateMachine,
        links: Links,
        dice: Callable[[], float],
        stopwatch: Callable[[], float],
        *,
        on_members: OnMembers | None = None,
    ) -> None:
        """`dice` draws from [0, 1); `stopwatch` measures budgets in seconds, nothing else."""
        self._spec = spec
        self._disk = disk
        self._machine = machine
        self._links = links
        self._dice = dice
        self._stopwatch = stopwatch
        self._on_members = on_members
        self._node = spec.raft.node
        self._health = Health()
        # Numbers begin anew at random: answers to a former life of this member fit none of them.
        first = [int(dice() * 2**52) for _ in range(3)]
        self._proposals = Proposals(spec.max_waiting, first[0])
        self._reads = Reads(spec.max_waiting, first[1], ask_again_s=spec.raft.election_s)
        self._requests = Requests(first[2])
        self._additions = Additions(self.change)
        self._checkpoints = Checkpoints(self._node, spec.checkpoint_entries)
        self._comparing = Comparing(self._node, self._checkpoints, links.send, self._quarantine)
        self._sync_began = math.inf
        self._open = False
        self._more = False
        self._now = -math.inf

    # Life

    def open(self, now: float) -> None:
        """Read the disk and take part. Raises WrongMember, VoteDamaged, NoSpace, DiskFailed."""
        opened = open_member(self._spec, self._disk, self._machine)
        if opened.recovering:
            self._health.enter(Condition.RECOVERING, opened.recovering)
        self._build(opened, now)
        self._open = True
        if self._on_members is not None:
            self._on_members(self._raft.members)

    def close(self) -> None:
        """End everything in hand and close the files. No job may be running."""
        if not self._open:
            return
        self._end_all("stopped", f"{self._node} stops")
        self._open = False
        self._snapshots.abort()
        try:
            self._durability.log.close()
        except OSError as error:
            _log.warning("log_not_closed", problem=str(error))

    def _build(self, opened: Opened, now: float) -> None:
        spec, start = self._spec, opened.start
        raft_config = replace(spec.raft, recovering=bool(opened.recovering))
        self._raft = Raft(raft_config, start, opened.log, self._dice, now)
        self._durability = Durability(opened.log, opened.votes, start.last_index)
        self._applying = Applying(
            machine=self._machine,
            raft=self._raft,
            proposals=self._proposals,
            checkpoints=self._checkpoints,
            on_checkpoint=self._checkpoint,
            budget_s=spec.apply_budget_s,
            stopwatch=self._stopwatch,
            applied=start.snapshot.index,
            term=start.snapshot.term,
            time_ms=start.snapshot.time_ms,
            members=start.snapshot.members,
        )
        self._leading = Leading(
            self._node, self._raft, self._machine, self._proposals, spec.raft.election_s
        )
        self._snapshots = Snapshots(
            SnapshotLimits(
                entries=spec.snapshot_entries,
                bytes=spec.snapshot_bytes,
                keep_entries=spec.keep_entries,
                chunk_bytes=spec.chunk_bytes,
            ),
            opened.snapshots,
            self._durability,
            self._applying,
            send=self._links.send,
            dice=self._dice,
            writable=lambda: not self._health.has(Condition.DISK_FULL),
        )
        self._space = Space(
            disk=self._disk,
            needed_bytes=spec.needed_bytes,
            ballast=opened.ballast,
            health=self._health,
            raft=self._raft,
            durability=self._durability,
            abort=self._snapshots.abort,
        )
        self._forwarding = Forwarding(
            self._applying, self._leading, self._reads, self._requests, self._links.send, self._node
        )

    def _checkpoint(self, index: int, digest: bytes) -> None:
        self._comparing.tell(self._applying, index, digest)

    # Inputs

    def receive(self, sender: NodeId, packet: Packet, now: float) -> None:
        """Take a packet from another member."""
        if not self._takes_part:
            return
        try:
            if isinstance(packet, Message):
                self._raft.receive(sender, packet, now)
                if self._forwarding.unreachable == sender:
                    self._forwarding.unreachable = None
            else:
                self._receive_own(sender, packet, now)
        except (OSError, Damaged) as error:
            self._disk_trouble(error, now)

    def _receive_own(self, sender: NodeId, packet: Own, now: float) -> None:
        match packet:
            case Forward():
                self._forwarding.on_forward(sender, packet, now)
            case ForwardAnswer():
                self._forwarding.on_forward_answer(sender, packet, now)
            case RequestAnswer():
                self._forwarding.on_request_answer(sender, packet, now)
            case SnapshotChunk():
                self._snapshots.take_chunk(sender, packet)
            case SnapshotAnswer():
                self._snapshots.take_answer(sender, packet, now)
            case Checkpoint():
                self._comparing.take(self._applying, sender, packet)
            case _:
                self._forwarding.on_request(sender, packet, now)

    def link_lost(self, node: NodeId, now: float) -> None:
        """Note that the connection from a member closed; what it was asked is not answered."""
        if not self._takes_part:
            return
        self._raft.link_lost(node, now)
        self._forwarding.link_lost(node, now)
        self._snapshots.link_lost(node, now)

    def tick(self, now: float) -> None:
        """Let time pass; nothing happens before `wake_at()`."""
        self._now = now
        if not self._takes_part:
            return
        try:
            self._raft.tick(now)
            self._proposals.expire(now)
            self._reads.expire(now)
            self._requests.expire(now)
            self._space.step(now)
            if now >= self._sync_began + STALL_S:
                self._sync_began = now
                if self._raft.role is Role.LEADER:
                    self._raft.transfer(None, now)
        except (OSError, Damaged) as error:
            self._disk_trouble(error, now)

    def submit(self, command: bytes, done: Done, deadline: float, now: float) -> None:
        """Have a command committed and applied; any member may be asked."""
        del now
        if not (self._open and self._health.takes_commands):
            # With a full disk it could be committed by the others, but not applied here.
            done(self._refusal())
        elif len(command) > MAX_COMMAND:
            done(Refused("too_large", f"{len(command)} bytes: a command has {MAX_COMMAND} at most"))
        else:
            self._proposals.submit(command, done, deadline)

    def read(self, done: ReadDone, deadline: float, now: float) -> None:
        """Tell `done` None once this member has applied all that was acknowledged before."""
        del now
        if not self._takes_part:
            done(self._refusal())
        else:
            self._reads.add(done, deadline)

    def change(self, change: Change, done: Done, deadline: float, now: float) -> None:
        """Change who the members are; any member may be asked."""
        self._wish(change, done, deadline, now)

    def transfer(self, target: NodeId | None, done: Done, deadline: float, now: float) -> None:
        """Hand leadership over; Applied holds the name of who leads then."""
        self._wish(Transfer(target), done, deadline, now)

    def add(self, member: Member, done: Done, deadline: float, now: float) -> None:
        """Make a node a member: a learner first and, if it is to vote, a voter once it caught up."""
        if not self._takes_part:
            done(self._refusal())
        else:
            self._additions.add(member, done, deadline, now)

    def _wish(self, wish: Wish, done: Done, deadline: float, now: float) -> None:
        if not self._takes_part:
            done(self._refusal())
            return
        self._requests.add(wish, done, deadline)
        self._forwarding.carry_requests(now)

    # What follows

    def decide(self, now: float) -> None:
        """Do the first half of a turn: send and write what follows from the inputs.

        What was written is synced before `apply` where that is quick: peers wait for it.
        """
        self._now = now
        if not self._takes_part:
            return
        try:
            self._forwarding.hand_on(now)
            self._forwarding.carry_requests(now)
            self._additions.step(now)
            self._leading.step(now)
            self._snapshots.step(now)
            self._carry_out(self._raft.take(), now)
        except (OSError, Damaged) as error:
            self._disk_trouble(error, now)

    def apply(self, now: float) -> None:
        """Do the second half of a turn: apply and answer, for some 10 ms."""
        if not self._takes_part:
            return
        try:
            self._more = self._applying.run()
            self._reads.applied(self._applying.applied)
            self._check_cure()
        except (OSError, Damaged) as error:
            self._disk_trouble(error, now)

    def _carry_out(self, output: Output, now: float) -> None:
        for read in output.reads:
            self._reads.answered(read.context, read.index)
            if read.index is None:
                self._forwarding.hold(now)
        self._durability.keep(output)
        self._space.write(now)
        if not self._durability.silenced:
            self._send_all(output.messages)
            self._send_all(self._durability.sendable(output.promises))
        if self._forwarding.follow(now) and self._raft.role is not Role.LEADER:
            self._snapshots.stop_sending()
        for node in output.snapshots:
            self._snapshots.wanted(node, now)
        if output.members is not None and self._on_members is not None:
            self._on_members(output.members)

    def _send_all(self, messages: Sequence[tuple[NodeId, Message]]) -> None:
        send = self._links.send
        for node, message in messages:
            send(node, message)

    # Jobs

    def sync_job(self) -> Job | None:
        """Return work to be run beside the loop; call it until it returns None.

        At most one sync of the log, and apart from it a few background jobs, are out at a time.
        `synced` or `sync_failed` is to be called for each.
        """
        if not self._takes_part:
            return None
        try:
            sync = self._durability.sync_job()
        except OSError as error:
            self._disk_trouble(error, self._now)
            return None
        if sync is not None:
            self._sync_began = self._now
            return LogSync(sync)
        return self._snapshots.job() or self._space.job()

    def synced(self, job: Job, now: float) -> None:
        """Note that a job ran; `turn` is to be called after it."""
        if not self._takes_part:
            return
        try:
            if isinstance(job, LogSync):
                self._log_synced(job)
            elif isinstance(job, BackgroundJob):
                job.then(now)
        except (OSError, Damaged) as error:
            self._disk_trouble(error, now)

    def _log_synced(self, job: LogSync) -> None:
        self._sync_began = math.inf
        promises, whole = self._durability.synced(job.sync, self._raft.term)
        self._send_all(promises)
        if whole:
            self._raft.persisted(job.sync.index, job.sync.term)

    def sync_failed(self, job: Job, error: OSError, now: float) -> None:
        """Note that a job raised: nothing is known of what it was to make durable."""
        if not self._takes_part:
            return
        if not isinstance(job, BackgroundJob):
            self._failed(f"a sync failed: {error}")
            return
        try:
            job.otherwise()
            self._disk_trouble(error, now)
        except OSError as another:
            self._failed(str(another))

    # Troubles

    @property
    def _takes_part(self) -> bool:
        return self._open and self._health.takes_part

    def _refusal(self) -> Refused:
        if not self._open:
            return Refused("stopped", f"{self._node} is not running")
        return Refused(self._health.condition.value, self._health.detail)

    def _disk_trouble(self, error: OSError | Damaged, now: float) -> None:
        if isinstance(error, NoSpace):
            self._space.lost(error, now)
        else:
            self._failed(str(error))

    def _failed(self, why: str) -> None:
        _log.error("disk_failed", problem=why)
        self._health.enter(Condition.DISK_FAILED, why)
        self._end_all(Condition.DISK_FAILED.value, why)

    def _quarantine(self, why: str) -> None:
        _log.error("quarantined", reason=why)
        Mark.quarantined(self._disk).put(why)
        self._health.enter(Condition.QUARANTINED, why)
        self._end_all(Condition.QUARANTINED.value, why)

    def _end_all(self, code: str, why: str) -> None:
        self._proposals.close(code, why)
        self._reads.close(Refused(code, why))
        self._additions.close(why)
        self._requests.close(code, why)
        self._leading.close(why)
        self._snapshots.stop_sending()

    def _check_cure(self) -> None:
        if not self._raft.recovering and self._health.has(Condition.RECOVERING):
            Mark.recovering(self._disk).clear()
            self._health.leave(Condition.RECOVERING)
            _log.info("recovered", index=self._raft.commit)

    # Questions

    @property
    def more(self) -> bool:
        """Whether `turn` should be called again soon: there is work left that needs no input."""
        return self._takes_part and (
            self._more or self._snapshots.more or self._forwarding.ready(self._now)
        )

    def wake_at(self) -> float:
        """When `tick`, then `turn`, have something to do without any input."""
        if not self._takes_part:
            return self._now + IDLE_S
        return min(
            self._now + IDLE_S,
            self._raft.wake_at(),
            self._proposals.wake_at,
            self._reads.wake_at,
            self._requests.wake_at,
            self._additions.wake_at,
            self._leading.wake_at,
            self._snapshots.wake_at,
            self._forwarding.wake_at,
            self._space.wake_at,
            self._sync_began + STALL_S,
        )

    @property
    def takes_part(self) -> bool:
        """Whether this member has anything to say to the others; for good when it has not."""
        return self._takes_part

    @property
    def leader(self) -> NodeId | None:
        """Who leads, as far as this member knows."""
        return self._raft.leader if self._takes_part else None

    @property
    def term(self) -> int:
        """The present term."""
        return self._raft.term

    @property
    def role(self) -> Role:
        """What this member is doing."""
        return self._raft.role

    @property
    def members(self) -> Members:
        """The members now, the last change counted even if it is not committed."""
        return self._raft.members

    @property
    def applied(self) -> int:
        """Index of the last entry applied."""
        return self._applying.applied

    @property
    def condition(self) -> Condition:
        """What is wrong with this member, or that nothing is."""
        return self._health.condition

    def status(self, now: float) -> MemberStatus:
        """Describe this member, whatever its condition."""
        raft = self._raft.status(now)
        return member_status(
            self._node, raft, self._health, self._applying.applied, self._snapshots.index
        )
