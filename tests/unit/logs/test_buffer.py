import asyncio
import threading
from collections.abc import Sequence

import msgspec
import pytest

from aether.logs import buffer as module
from aether.logs.buffer import LineBuffer, send_last, ship_lines
from aether.logs.lines import Line
from aether.tasks import Tasks


def texts(lines: Sequence[msgspec.Raw]) -> list[str]:
    return [msgspec.msgpack.decode(line, type=Line).text for line in lines]


def test_lines_come_in_order_and_once() -> None:
    lines = LineBuffer()
    for number in range(module.MOST_A_MESSAGE + 1):
        lines.offer({"event": str(number)})
    assert texts(lines.take()) == [str(number) for number in range(module.MOST_A_MESSAGE)]
    assert texts(lines.take()) == [str(module.MOST_A_MESSAGE)]
    assert lines.take() == []
    assert lines.take_dropped() == 0


def test_what_is_over_a_bound_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    lines = LineBuffer()
    for number in range(5):
        lines.offer({"event": str(number)})
    assert texts(lines.take()) == ["0", "1"]
    assert (lines.take_dropped(), lines.take_dropped()) == (3, 0)
    monkeypatch.setattr(module, "MOST_WAITING_BYTES", 100)
    lines.offer({"event": "x" * 200})
    lines.offer({"event": "y"})
    assert (texts(lines.take()), lines.take_dropped()) == (["y"], 1)


def test_a_message_has_a_size_and_what_is_forgotten_is_gone() -> None:
    lines = LineBuffer()
    for _ in range(200):
        lines.offer({"event": "x" * 4000})
    first = len(lines.take())
    assert 4000 * first < module.MOST_MESSAGE_BYTES + 8192
    lines.forget()
    assert (len(lines), lines.take_dropped()) == (0, 0)
    for _ in range(250):
        lines.offer({"event": "x" * 4000})
    assert len(lines) == 250, "the bytes that were forgotten count no more"


def test_who_listens_is_called_once_and_at_once_when_it_is_late() -> None:
    lines, calls = LineBuffer(), list[int]()
    lines.listen(lambda: calls.append(1))
    assert calls == []

    def work() -> None:
        for _ in range(3):
            lines.offer({"event": "x"})

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert calls == [1]
    lines.listen(lambda: calls.append(2))
    assert calls == [1, 2]


def test_what_is_held_waits_and_wakes_nobody_until_it_is_released() -> None:
    lines, calls = LineBuffer(), list[int]()
    lines.offer({"event": "a"})
    lines.hold()
    lines.listen(lambda: calls.append(1))
    lines.offer({"event": "b"})
    assert (calls, lines.take(), len(lines)) == ([], [], 2)
    lines.release()
    lines.release()
    assert (calls, texts(lines.take())) == ([1], ["a", "b"])


async def test_lines_are_shipped_while_the_link_takes_them() -> None:
    lines, heard = LineBuffer(), asyncio.Queue[tuple[list[str], int]]()

    class Transport:
        waiting = 0

        def get_write_buffer_size(self) -> int:
            return self.waiting

    class Writer:
        transport = Transport()

        def is_closing(self) -> bool:
            return False

        def write(self, frame: bytes) -> None:
            found, dropped = msgspec.msgpack.decode(frame, type=tuple[list[Line], int])
            heard.put_nowait(([line.text for line in found], dropped))

    def message(found: Sequence[msgspec.Raw], dropped: int) -> bytes:
        return msgspec.msgpack.encode((found, dropped))

    tasks = Tasks()
    tasks.start("ship", ship_lines(lines, Writer(), message))  # type: ignore[arg-type] # as much as is asked of it
    async with asyncio.timeout(10):
        lines.offer({"event": "a"})
        lines.offer({"event": "b"})
        assert await heard.get() == (["a", "b"], 0)
        lines.offer({"event": "c"})
        assert await heard.get() == (["c"], 0)
    await tasks.stop()


async def test_the_last_lines_wait_for_a_node_that_does_not_read_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LAST_S", 0.01)
    lines, written = LineBuffer(), list[int]()
    for _ in range(module.MOST_A_MESSAGE * 3):
        lines.offer({"event": "x"})

    class Full:
        """Takes one message, and keeps it."""

        transport: "Full"

        def get_write_buffer_size(self) -> int:
            return len(written)

        def is_closing(self) -> bool:
            return False

        def write(self, frame: bytes) -> None:
            written.append(len(frame))

    writer = Full()
    writer.transport = writer
    await send_last(lines, writer, lambda found, _: bytes(len(found)))  # type: ignore[arg-type] # as much as is asked of it
    assert (written, len(lines)) == ([module.MOST_A_MESSAGE], 2 * module.MOST_A_MESSAGE)
