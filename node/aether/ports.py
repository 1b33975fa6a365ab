"""The seams: everything that reaches outside the process is asked for through these protocols.

The node fills them with real adapters, tests and the simulator with their own. Durations and
instants are seconds on a monotonic clock.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aether.core.model.ids import Artifact, InstanceId, NodeId
from aether.core.model.records import ArtifactRecord, Manifest, Route
from aether.core.store.commands import Changes, Consistency, Entry, LeaseId, Outcome, Range, Txn

STORE_S = 4.5
"""How long a call to the store tries unless told otherwise: whoever asks a node hears within 5 s."""


class Clock(Protocol):
    """Time that only moves forward."""

    def now(self) -> float:
        """Seconds on a monotonic clock."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class DiskFile(Protocol):
    """One open file of a member's directory. What was written counts only once `sync` returned.

    Every call may raise OSError; after a failed `sync` nothing is known of what was written.
    """

    def size(self) -> int:
        """Length in bytes."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`."""

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""

    def truncate(self, size: int) -> None:
        """Cut or lengthen the file."""

    def sync(self) -> None:
        """Return once everything written before the call is on disk. May run in a thread."""

    def close(self) -> None:
        """Give the file back."""


class Disk(Protocol):
    """The directory a store member keeps its files in; names have no separators."""

    def names(self) -> Sequence[str]:
        """Names of the files there, sorted."""

    def open(self, name: str, *, create: bool = False) -> DiskFile:
        """Open a file for reading and writing; with `create` a new one, which must not exist."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what had it."""

    def remove(self, name: str) -> None:
        """Take a file away; no error when there is none."""

    def sync_names(self) -> None:
        """Return once creations, renames and removals made before the call are on disk."""

    def free_bytes(self) -> int:
        """Bytes that can still be written."""


class Restoring(Protocol):
    """A state being rebuilt part by part; the machine keeps its old one until `finish`."""

    def feed(self, part: bytes) -> None:
        """Take the next part of a snapshot; raises ValueError when it is damaged."""

    def finish(self) -> None:
        """Replace the machine's whole state; raises ValueError when parts are missing."""


class StateMachine(Protocol):
    """What consensus replicates. `apply` is total: it answers every command, it never raises.

    `time_ms` is cluster time: written into the log by leaders, never going back, standing still
    while nobody leads. It is the only time a machine knows.
    """

    def apply(self, command: bytes, time_ms: int) -> bytes:
        """Apply one committed command and return its encoded result."""

    def due(self, time_ms: int) -> bytes | None:
        """Return the command a leader should propose now that it is `time_ms`, if any."""

    def snapshot(self) -> Iterator[bytes]:
        """Return the whole state as of this call, in parts of some 64 KiB.

        The call itself and each part take a few milliseconds; commands may be applied between
        parts and are not seen by them.
        """

    def restoring(self) -> Restoring:
        """Begin to replace the whole state."""

    def digest(self) -> bytes:
        """Return a digest that is equal on members that applied equal logs, in constant time."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the consensus group; `address` is `host:port` of its Raft port."""

    node: NodeId
    address: str
    voter: bool = True
    """False for a learner: it receives the log and does not vote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerProgress:
    """How far another member is, as the leader knows."""

    node: NodeId
    match: int
    """Highest log index known to be on its disk."""
    state: str
    """`probe`, `replicate` or `snapshot`."""
    silent_s: float
    """Seconds since it answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus:
    """One member of the consensus group as it sees itself."""

    node: NodeId
    engine: str
    role: str
    """`leader`, `follower`, `candidate` or `learner`."""
    condition: str
    """`ok`, `recovering`, `disk_full`, `disk_failed`, `quarantined`, or `failed`: a fault of ours,
    after which the member takes no part until its process is started anew."""
    detail: str
    """Why the condition is not `ok`, in a sentence; empty when it is."""
    term: int
    leader: NodeId | None
    commit: int
    applied: int
    first_index: int
    last_index: int
    snapshot_index: int
    members: tuple[Member, ...]
    peers: tuple[PeerProgress, ...] = ()
    """Of a leader: every other member."""


class Group(Protocol):
    """Who takes part in consensus, and who leads."""

    @property
    def leader(self) -> NodeId | None:
        """The member that leads, as far as this one knows; None while nobody does."""

    @property
    def term(self) -> int:
        """Current Raft term."""

    @property
    def members(self) -> Sequence[Member]:
        """Members, this one included, sorted by node."""

    async def add_member(self, member: Member, timeout_s: float) -> None:
        """Make a node a member; any member may be asked.

        A voter starts as a learner and votes once it has caught up. Adding a present member
        changes nothing but what it lacks: a learner added as a voter is promoted. Raises NoQuorum,
        OutcomeUnknown, or Conflict when another change is under way.
        """

    async def remove_member(self, node: NodeId, timeout_s: float) -> None:
        """Take a node out, the leader included. Removing an absent member changes nothing.

        Raises Invalid for the last voter.
        """

    async def transfer_leadership(self, node: NodeId | None, timeout_s: float) -> NodeId:
        """Have `node`, or whoever is most up to date, lead; return who does.

        Raises Invalid when it is not a voter, Unavailable when it could not take over in time.
        """

    async def status(self) -> MemberStatus:
        """Return how this member is, at once."""


class Consensus(Group, Protocol):
    """One member of a replicated log. Several engines stand behind this; none leaks through it."""

    async def start(self) -> None:
        """Open log and sockets and take part."""

    async def stop(self) -> None:
        """Leave cleanly; what was acknowledged stays on disk."""

    async def propose(self, command: bytes, timeout_s: float) -> bytes:
        """Commit `command` and return what `apply` answered on this member.

        Any member may be asked; a follower hands the command to the leader. Raises NoQuorum when
        it surely was not accepted, OutcomeUnknown when time ran out or leadership moved while it
        was under way. The caller retries with the same request id, which applies at most once.
        """

    async def barrier(self, timeout_s: float) -> None:
        """Return once this member has applied everything acknowledged before the call."""


class Backups(Protocol):
    """Takes backups of the replicated keys; what comes out is told in `store.backup`."""

    def take(self, timeout_s: float) -> AsyncGenerator[bytes, None]:
        """Yield one file of everything acknowledged before the call, piece by piece.

        It must begin within `timeout_s`. Raises NoQuorum, Conflict when too many are under way,
        Unavailable when it breaks off: what came until then is of no use.
        """


class Watching(Protocol):
    """A watch of the store, an iterator of batches of changes in order."""

    def __aiter__(self) -> AsyncIterator[Changes]:
        """Return itself."""

    async def __anext__(self) -> Changes:
        """Return the next batch."""

    def ask_progress(self) -> None:
        """Have it tell at once, after what waits, up to which revision all was seen."""


class Store(Protocol):
    """The replicated key-value store as the node uses it."""

    async def txn(self, txn: Txn, timeout_s: float = STORE_S) -> Outcome:
        """Carry out guarded writes on the quorum.

        Retries under one request id until `timeout_s` runs out. Raises NoQuorum when nothing was
        written, OutcomeUnknown when that cannot be told, Invalid when a limit is broken.
        """

    async def range(
        self,
        prefix: str,
        *,
        limit: int = 0,
        start: str = "",
        consistency: Consistency = Consistency.LINEARIZABLE,
        revision: int | None = None,
        timeout_s: float = STORE_S,
    ) -> Range:
        """Return entries under `prefix` from key `start` on, at most `limit` (0: all).

        With `revision`, as they stood then: raises Conflict with code `compacted` when that is
        gone, Invalid when it is still to come.
        """

    async def get(
        self,
        key: str,
        *,
        consistency: Consistency = Consistency.LINEARIZABLE,
        timeout_s: float = STORE_S,
    ) -> Entry | None:
        """Return one key, or None when it does not exist.

        After a linearizable `get` or `range` of what is not under `app/`, `level` is of that revision or
        a later one. Raises Unavailable when that takes longer than `timeout_s`, NoQuorum (one of these)
        when no quorum confirmed the read.
        """

    def level(self, prefixes: Sequence[str]) -> Range:
        """Return what this node has applied under `prefixes`, at once; may be stale.

        The whole answer is of one revision: this is what level-triggered loops look at.
        """

    def watch(
        self,
        prefix: str,
        after_revision: int | None = None,
        *,
        progress: bool = False,
        without: str = "",
    ) -> Watching:
        """Follow every later change under `prefix`, in order and without gaps.

        Keys that begin with `without` are left out, when it is given. With `after_revision`, changes after that revision come first from history; raises
        Conflict with code `compacted` when they are gone. A watcher that falls too far behind is
        cut off with the same error. With `progress`, a batch without changes now and then says
        up to which revision all was seen, also while nothing under `prefix` changes.
        """

    async def grant(self, ttl_s: float, timeout_s: float = STORE_S) -> LeaseId:
        """Make a lease; the keys put under it go when it is not renewed for `ttl_s`."""

    async def renew(self, lease: LeaseId, timeout_s: float = STORE_S) -> float:
        """Prolong a lease and return its time to live in seconds; raises NotFound when it is gone."""

    async def revoke(self, lease: LeaseId, timeout_s: float = STORE_S) -> None:
        """End a lease and delete its keys; no error when it is gone."""

    @property
    def leader(self) -> NodeId | None:
        """The node that leads, as far as this one knows."""

    @property
    def revision(self) -> int:
        """Revision this node has applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """All a launcher must know to start one instance."""

    instance: InstanceId
    generation: int
    manifest: Manifest
    paths: tuple[str, ...]
    """Directories put before `sys.path`: the unpacked wheel, then its dependency layer."""
    token: str
    """Secret with which the host proves to the node which slice it is."""
    config: bytes = b"{}"
    """Settings of the slice, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """One slice host as the launcher knows it."""

    instance: InstanceId
    generation: int
    pid: int
    state: str
    """`starting`, `loaded`, `active`, `stopping`."""
    socket: str
    token: str
    routes: tuple[Route, ...] = ()
    methods: tuple[str, ...] = ()
    in_flight: int = 0
    settings: str = ""
    """Digest of the settings the slice was given last; empty for a host that does not tell."""
    settings_problem: str = ""
    """Why the slice's `configure` did not take them; empty when it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostExited:
    """A slice host ended. `expected` when it was told to."""

    instance: InstanceId
    pid: int
    expected: bool
    detail: str
    """Exit code or signal, and the last lines it wrote."""


class Launcher(Protocol):
    """Starts, steers and watches slice hosts.

    A failed step raises SliceFailed with fields `kind` (`fatal` or `transient`) and `trace`.
    """

    async def probe(self, manifest: Manifest, paths: Sequence[str]) -> Manifest:
        """Import an artifact in a throw-away host; return its manifest with routes and methods."""

    async def load(self, spec: HostSpec) -> HostStatus:
        """Start a host and import the slice in it; it is `loaded` then."""

    async def activate(self, instance: InstanceId, timeout_s: float) -> HostStatus:
        """Call the slice's `start` and listen on its socket; it is `active` then."""

    async def deactivate(self, instance: InstanceId, drain_s: float) -> HostStatus:
        """Finish what is in flight for at most `drain_s`, stop listening, call `stop`."""

    async def configure(self, instance: InstanceId, config: bytes) -> HostStatus:
        """Give a slice other settings (JSON) while it is loaded or active.

        When its own `configure` fails, the settings stand all the same and the status tells why.
        """

    async def unload(self, instance: InstanceId) -> None:
        """End the host's whole process tree; no error when there is none."""

    async def hosts(self) -> Sequence[HostStatus]:
        """Every host that lives, those started before this node process included."""

    def exits(self) -> AsyncIterator[HostExited]:
        """Follow the hosts that end."""


class ArtifactSource(Protocol):
    """Where a node gets an artifact it does not hold yet."""

    async def fetch(self, artifact: Artifact, record: ArtifactRecord) -> bytes:
        """Return the wheel's bytes from any node that has it; raise Unavailable when none does."""


class Replicator(Protocol):
    """Copies artifacts to other nodes."""

    async def replicate(
        self, artifact: Artifact, record: ArtifactRecord, copies: int
    ) -> tuple[NodeId, ...]:
        """Have up to `copies` other nodes fetch the artifact from here; return those that did."""


class NodeProvider(Protocol):
    """Starts machines, containers or processes that become nodes of this cluster."""

    async def provide(self, node: NodeId) -> None:
        """Have a node of this name started, if it does not run; asked twice it is started once.

        Returns once that is under way: the node shows by itself when it joins. Raises AetherError.
        """


class Advisor(Protocol):
    """Someone outside who may propose numbers of instances, and who never acts."""

    async def advise(self, figures: bytes) -> bytes:
        """Show the figures of all slices, as JSON; return the answer as it came, bounded in size.

        Raises AetherError when there is none in time.
        """


class Forecaster(Protocol):
    """Forecasts traffic; the node has a model in a process of its own, tests and simulators their own."""

    async def predict(
        self, histories: Sequence[Sequence[float]], step_s: float = 60.0
    ) -> Sequence[tuple[tuple[float, float, float, float], ...] | None]:
        """Return for each history 15 rows of rates not exceeded in 10, 50, 90 and 98 of 100 cases.

        A history holds mean rates per step of `step_s` seconds, oldest first, NaN where nobody measured. None
        where there is no forecast: too little is known, the answer was no number, or it came late.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One management API call, whichever way it came in."""

    method: str
    path: str
    """Path and query, as on the request line."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: bytes = b""
    actor: str = ""
    """Who asks, where a part of this node does; it never comes in from outside, nor is it forwarded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """The answer to a management API call."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: AsyncGenerator[bytes, None] | None = None
    """What follows `body`, for answers too large to be held; never forwarded."""


class LeaderLink(Protocol):
    """The way to the node that leads."""

    async def forward(self, leader: NodeId, request: ApiRequest) -> ApiResponse:
        """Have the leader answer; raise Unavailable when it cannot be reached."""
