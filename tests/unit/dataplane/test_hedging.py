"""When a second copy of a request is sent."""

import asyncio

import pytest

from aether.dataplane.heads import RequestReader
from aether.dataplane.hedging import Hedge, may_hedge


@pytest.mark.parametrize(
    ("start", "lines", "copied"),
    [
        ("GET / HTTP/1.1", (), True),
        ("HEAD / HTTP/1.1", (), False),
        ("PUT / HTTP/1.1", ("Content-Length: 0",), False),
        ("GET / HTTP/1.1", ("Content-Length: 3",), False),
        ("GET / HTTP/1.1", ("Connection: upgrade", "Upgrade: x"), False),
    ],
)
def test_only_a_plain_get_is_copied(start: str, lines: tuple[str, ...], copied: bool) -> None:
    head = RequestReader().read("\r\n".join([start, "Host: h", *lines, "", ""]).encode())
    assert may_hedge(head) is copied


async def test_the_copy_is_sent_once_unless_it_is_cancelled() -> None:
    sent, wanted = [], asyncio.Event()

    def send() -> None:
        sent.append("kept")
        wanted.set()

    cancelled = Hedge(0.0, lambda: sent.append("cancelled"))
    Hedge(0.001, send)
    cancelled.cancel()
    async with asyncio.timeout(5):
        await wanted.wait()
    assert sent == ["kept"]
