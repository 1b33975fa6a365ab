"""Files with bytes changed: what was written comes back, or the damage is named; nothing is made up.

One kind of change cannot be told from a crash: a log's end that was never known to be synced. It may be cut, so a
log may come back shorter, and only by what stood behind the last record that vouches for it.
"""

import random
from collections.abc import Iterator

import pytest

from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.raft.entries import COMMAND, Entry, HardState, Members, SnapshotPoint
from aether.core.store.codec import encode_command
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.store.disk.entry_log import EntryLog, LogLimits
from aether.store.disk.errors import Damaged
from aether.store.disk.identity import claim, read_identity
from aether.store.disk.snapshot_files import SnapshotFiles, snapshot_name
from aether.store.disk.vote_file import VOTE_NAME, VoteFile
from tests.crash_disk import CrashDisk
from tests.fuzz.mutations import SECONDS, SEED, inputs

LIMITS = LogLimits(segment_bytes=4096, slice_bytes=1024, record_bytes=2048, reserve_bytes=0)
POINT = SnapshotPoint(40, 2, 4000, Members(()))
ENTRIES = [Entry(index, 1 + index // 30, COMMAND, index, b"d" * 50) for index in range(1, 101)]
SYNCED_BEFORE_THE_LAST = 90


def _written_log() -> CrashDisk:
    disk = CrashDisk()
    log = EntryLog.open(disk, LIMITS, 0)
    for first in range(0, len(ENTRIES), 10):
        log.append(ENTRIES[first : first + 10])
        job = log.begin_sync()
        assert job is not None
        job.run()
    return disk


def _machine() -> KvMachine:
    machine = KvMachine()
    reason = Reason(actor="test", rule="fuzz", text="", inputs={})
    for number in range(60):
        put = Txn(then=(Put(f"app/{number}", b"v" * 100),), reason=reason, request_id=f"r{number}")
        machine.apply(encode_command(put), number)
    return machine


def _with(disk: CrashDisk, name: str, data: bytes) -> CrashDisk:
    changed = disk.copy()
    changed.put(name, data)
    return changed


def _mangled(disk: CrashDisk, name: str, seconds: float = SECONDS) -> Iterator[bytes]:
    good = bytes(disk.files[name].live)
    return (data for data in inputs(name, [good], seconds) if data != good)


def _opened(disk: CrashDisk) -> list[Entry] | None:
    """Return what a log holds, None when its damage is named."""
    try:
        log = EntryLog.open(disk, LIMITS, 0, fresh=False)
        return list(log.read(1, log.last_index, 1 << 20)) if log.last_index else []
    except Damaged:
        return None


def _segments(disk: CrashDisk) -> list[str]:
    segments = [name for name in disk.names() if name.startswith("log-")]
    assert len(segments) > 1
    return segments


def test_a_damaged_log_is_a_prefix_or_is_named() -> None:
    disk = _written_log()
    named = 0
    segments = _segments(disk)
    for name in segments:
        for data in _mangled(disk, name, 4 * SECONDS / len(segments)):
            found = _opened(_with(disk, name, data))
            named += found is None
            assert found is None or found == ENTRIES[: len(found)]
    assert named


def test_a_flipped_bit_before_the_end_loses_nothing_in_silence() -> None:
    disk = _written_log()
    dice = random.Random(SEED)
    for name in _segments(disk):
        good = bytes(disk.files[name].live)
        for _ in range(60):
            data = bytearray(good)
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            found = _opened(_with(disk, name, bytes(data)))
            assert found is None or len(found) >= SYNCED_BEFORE_THE_LAST
            assert found is None or found == ENTRIES[: len(found)]


def test_a_damaged_vote_is_never_another_vote() -> None:
    disk = CrashDisk()
    VoteFile.open(disk).save(HardState(7, "n2"))
    for data in _mangled(disk, VOTE_NAME):
        with pytest.raises(Damaged):
            VoteFile.open(_with(disk, VOTE_NAME, data), fresh=False)


def test_a_damaged_identity_is_never_another_member() -> None:
    disk = CrashDisk()
    claim(disk, "cluster", NodeId("n1"))
    for data in _mangled(disk, "member"):
        with pytest.raises(Damaged):
            read_identity(_with(disk, "member", data))


def test_a_damaged_snapshot_is_set_aside() -> None:
    disk = CrashDisk()
    writer = SnapshotFiles(disk).writer(POINT)
    for part in _machine().snapshot():
        writer.write(part)
    writer.finish()()
    writer.publish()
    name = snapshot_name(POINT)
    for data in _mangled(disk, name):
        changed = _with(disk, name, data)
        assert SnapshotFiles(changed).latest() is None
        assert name not in changed.names()


def test_a_damaged_part_of_a_state_changes_nothing() -> None:
    """Refused, nothing has changed. (Whether all is as it was is for the file's checksums to say.)"""
    machine = _machine()
    parts = list(machine.snapshot())
    refused = 0
    for place, part in enumerate(parts):
        for data in inputs(f"state/{place}", [part], 2 * SECONDS / len(parts)):
            before = machine.digest()
            restoring = machine.restoring()
            try:
                for each in [*parts[:place], data, *parts[place + 1 :]]:
                    restoring.feed(each)
                restoring.finish()
            except ValueError:
                refused += 1
                assert machine.digest() == before
    assert refused
