"""Our one replicated object, and the settings PySyncObj runs with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysyncobj import SyncObj, SyncObjConf, replicated

from aether.ports import StateMachine
from aether.store.pysyncobj.commands import from_text
from aether.store.pysyncobj.disk import (
    DumpPoint,
    StoreDisk,
    library_files,
    local_entry,
    read_dump,
    write_dump,
)
from aether.store.pysyncobj.members import Voter
from aether.store.pysyncobj.stamps import Stamps, unstamped
from aether.store.pysyncobj.transport import PeerTransport

# A pickled command is at most twice MAX_COMMAND_BYTES and some; a larger batch size than that
# keeps PySyncObj from sending one command as several pieces of a pickle.
_BATCH_BYTES = 9 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds and counts of the engine, chosen for two busy cores."""

    tick_s: float = 0.02
    heartbeat_s: float = 0.1
    election_min_s: float = 0.8
    election_max_s: float = 1.6
    fallback_s: float = 1.0
    """A leader that no majority answered for so long steps down."""
    compact_entries: int = 20_000
    compact_s: float = 60.0
    """The log is compacted when it holds so many entries, or so long after the last time; each
    member in its own part of this period."""
    compact_in_turns: bool = True


class Replica(SyncObj):  # type: ignore[misc]  # the library has no annotations
    """Hands committed commands to the state machine."""

    def __init__(
        self,
        me: Voter,
        others: Iterable[Voter],
        *,
        transport: PeerTransport,
        settings: SyncObjConf,
        machine: StateMachine,
        stamps: Stamps,
    ) -> None:
        self._machine = machine
        self._stamps = stamps
        with library_files():
            super().__init__(me, others, settings, nodeClass=Voter, transport=transport)

    @replicated  # type: ignore[untyped-decorator]  # the library has no annotations
    def commit(self, text: str) -> bytes:
        """Apply one committed command; see `commands.to_text`."""
        time_ms, command = unstamped(from_text(text))
        self._stamps.applied(time_ms)
        return self._machine.apply(command, time_ms)


def settings_of(
    timing: Timing,
    disk: StoreDisk,
    machine: StateMachine,
    stamps: Stamps,
    compacting: Callable[[], None],
) -> SyncObjConf:
    """Return the library's configuration; `compacting` is called when a dump was written."""

    def serialize(path: str, point: DumpPoint) -> None:
        disk.save_before_compaction()
        write_dump(Path(path), point, machine.snapshot(), stamps.latest_ms)
        compacting()

    def deserialize(path: str) -> DumpPoint:
        dump = read_dump(Path(path))
        restoring = machine.restoring()
        for part in dump.parts:
            restoring.feed(part)
        restoring.finish()
        stamps.applied(dump.time_ms)
        members = {Voter(name) for name in dump.voters}
        return local_entry(dump.last), local_entry(dump.before), members

    options: dict[str, Any] = {
        "autoTick": False,
        "appendEntriesUseBatch": False,
        "appendEntriesBatchSizeBytes": _BATCH_BYTES,
        "appendEntriesPeriod": timing.heartbeat_s,
        "raftMinTimeout": timing.election_min_s,
        "raftMaxTimeout": timing.election_max_s,
        "leaderFallbackTimeout": timing.fallback_s,
        "commandsWaitLeader": False,
        "commandsQueueSize": 10_000,
        "dynamicMembershipChange": True,
        "journalFile": str(disk.journal),
        "fullDumpFile": str(disk.dump),
        "serializer": serialize,
        "deserializer": deserialize,
        "useFork": False,
        "logCompactionMinEntries": timing.compact_entries,
        "logCompactionMinTime": timing.compact_s,
        "logCompactionSplit": timing.compact_in_turns,
    }
    return SyncObjConf(**options)
