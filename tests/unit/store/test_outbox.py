import asyncio

from aether.store.outbox import ROOM_BYTES, Outbox
from aether.store.protocol import AskStatus, Inbox, Request, request_decoder


class Wire(asyncio.WriteTransport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.untaken = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.untaken

    def is_closing(self) -> bool:
        return False


def messages(data: bytes) -> list[Request]:
    return Inbox(request_decoder, 1000).feed(data)


async def test_one_turn_is_one_write() -> None:
    wire = Wire()
    out = Outbox(wire)
    for number in range(3):
        out.add(AskStatus(number))
    assert wire.writes == []
    assert out.queued_bytes > 0
    await asyncio.sleep(0)
    assert [messages(data) for data in wire.writes] == [[AskStatus(n) for n in range(3)]]
    assert out.queued_bytes == 0


async def test_what_goes_along_is_added_to_the_same_write() -> None:
    wire = Wire()
    out: Outbox = Outbox(wire, lambda: out.add(AskStatus(9)))
    out.add(AskStatus(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [messages(data) for data in wire.writes] == [[AskStatus(1), AskStatus(9)]]
    out.wake()
    await asyncio.sleep(0)
    assert messages(wire.writes[1]) == [AskStatus(9)]


async def test_those_who_wait_are_told_when_there_is_room() -> None:
    wire, told = Wire(), asyncio.Event()
    out = Outbox(wire, drained=told.set)
    assert not out.is_full()
    out.look_for_room()
    assert not told.is_set(), "nobody waits"
    wire.untaken = ROOM_BYTES
    assert out.is_full()
    out.look_for_room()
    assert not told.is_set()
    wire.untaken = 0
    async with asyncio.timeout(5):
        await told.wait()
    out.close()


async def test_a_closed_outbox_says_nothing() -> None:
    wire = Wire()
    out = Outbox(wire)
    out.add(AskStatus(1))
    out.close()
    out.add(AskStatus(2))
    out.wake()
    await asyncio.sleep(0)
    assert wire.writes == []
