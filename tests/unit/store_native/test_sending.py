"""A snapshot is sent a few chunks ahead, from where the receiver is, and given up in time."""

from collections.abc import Iterator

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members, SnapshotPoint
from aether.store.disk.snapshot_files import SnapshotFiles
from aether.store.native.packets import SnapshotAnswer
from aether.store.native.sending import (
    AHEAD,
    ASK_AGAIN_S,
    FAILED,
    GIVE_UP_S,
    HOLDS,
    RECEIVING,
    Sending,
)
from tests.unit.store_native.memory_disk import MemoryDisk

B = NodeId("b")
POINT = SnapshotPoint(50, 3, 10, Members(()))
CHUNK = 100


def files(parts: int = 20) -> SnapshotFiles:
    found = SnapshotFiles(MemoryDisk())
    writer = found.writer(POINT)
    for part in _parts(parts):
        writer.write(part)
    writer.finish()()
    writer.publish()
    return found


def _parts(count: int) -> Iterator[bytes]:
    return (bytes([number]) * 90 for number in range(count))


def told(offset: int, state: int = RECEIVING) -> SnapshotAnswer:
    return SnapshotAnswer(7, POINT.index, POINT.term, offset, state)


def test_the_whole_file_arrives_from_any_offset() -> None:
    for start in (0, 777):
        found = files()
        sending, size = Sending(found, CHUNK), found.size(POINT)
        question = sending.begin(B, 7, 0.0)
        assert question is not None
        assert (question.data, question.size) == (b"", size)
        received, offset = bytearray(found.chunk(POINT, 0, start)), start
        while offset < size:
            chunks, ended = sending.answered(B, told(offset), 0.0)
            assert 0 < len(chunks) <= AHEAD
            assert not ended
            for chunk in chunks:
                assert chunk.offset == len(received)
                received += chunk.data
            offset = len(received)
        assert received == found.chunk(POINT, 0, size)
        assert sending.answered(B, told(size, HOLDS), 0.0) == ([], True)
        assert not sending.busy


def test_answers_open_the_window_and_going_back_sends_again() -> None:
    sending = Sending(files(), CHUNK)
    sending.begin(B, 7, 0.0)
    first, _ = sending.answered(B, told(0), 0.0)
    assert [chunk.offset for chunk in first] == [0, 100, 200, 300]
    assert sending.answered(B, told(0), 0.0) == ([], False)
    more, _ = sending.answered(B, told(100), 0.0)
    assert [chunk.offset for chunk in more] == [400]
    again, _ = sending.answered(B, told(0), 0.0)
    assert [chunk.offset for chunk in again] == [0, 100, 200, 300]


def test_silence_asks_again_and_then_gives_up() -> None:
    sending = Sending(files(), CHUNK)
    sending.begin(B, 7, 0.0)
    sending.answered(B, told(0), 0.0)
    assert sending.expire(7, ASK_AGAIN_S / 2) == ([], [])
    (question,), _ = sending.expire(7, ASK_AGAIN_S)
    assert question[1].data == b""
    chunks, _ = sending.answered(B, told(100), ASK_AGAIN_S)
    assert chunks[0].offset == 100
    assert sending.expire(7, ASK_AGAIN_S + GIVE_UP_S) == ([], [B])
    assert not sending.busy


def test_strange_answers_change_nothing_and_a_failure_ends() -> None:
    sending = Sending(files(), CHUNK)
    sending.begin(B, 7, 0.0)
    assert sending.answered(NodeId("c"), told(0), 0.0) == ([], False)
    assert sending.answered(B, SnapshotAnswer(7, 49, 3, 0, HOLDS), 0.0) == ([], False)
    assert sending.answered(B, told(10**9), 0.0) == ([], False)
    assert sending.oldest_index == POINT.index
    assert sending.answered(B, told(0, FAILED), 0.0) == ([], True)
    assert not sending.stop(B)


def test_without_a_snapshot_there_is_nothing_to_send() -> None:
    assert Sending(SnapshotFiles(MemoryDisk()), CHUNK).begin(B, 7, 0.0) is None
