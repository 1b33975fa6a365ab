"""How a dialler takes refusals, silence and answers that are none."""

import asyncio

import pytest
from structlog.testing import capture_logs

from aether.frames import HEADER
from aether.store.native import handshake
from aether.store.native.dialer import Dialer
from aether.store.native.handshake import Introduction, Welcome
from tests.integration.links_rig import NODES, until

ME = Introduction(cluster_id="one", node=NODES[0], incarnation="1", address="")
WELCOME = handshake.encode(Welcome(NODES[1]))


async def outcome(answer: bytes, address: str = "") -> str:
    """Return the code a dialler logs when it is answered so; `connected` when it is let in."""

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    dialer = Dialer(NODES[1], address or f"127.0.0.1:{port}", ME, None, lambda: 0.5)
    with capture_logs() as said:
        running = asyncio.get_running_loop().create_task(dialer.run())
        await until(lambda: dialer.connected or said)
        running.cancel()
        await asyncio.wait([running])
    server.close()
    return "connected" if not said else str(said[0]["code"])


def framed(body: bytes) -> bytes:
    return HEADER.pack(len(body)) + body


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (framed(WELCOME), "connected"),
        (framed(handshake.encode(Welcome(NODES[2]))), "wrong_node"),
        (framed(handshake.encode(handshake.Denial("wrong_cluster", "no"))), "wrong_cluster"),
        (framed(handshake.MAGIC + b"\x07" + WELCOME[7:]), "wrong_protocol"),
        (framed(b"HTTP"), "malformed"),
        (framed(WELCOME[:-1]), "malformed"),
        (HEADER.pack(2**31), "unreachable"),
    ],
)
async def test_answers(answer: bytes, code: str) -> None:
    assert await outcome(answer) == code


async def test_an_impossible_address_is_named() -> None:
    assert await outcome(b"", "nonsense") == "unreachable"


async def test_silence_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether.store.native.dialer.CONNECT_S", 0.1)
    assert await outcome(b"") == "unreachable"


async def test_a_flood_after_the_welcome_ends_the_connection() -> None:
    hung_up = asyncio.Event()

    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(WELCOME))
        await until(lambda: dialer.connected)
        writer.write(framed(b"more"))
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
        hung_up.set()
        writer.close()

    server = await asyncio.start_server(chatter, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    dialer = Dialer(NODES[1], address, ME, None, lambda: 0.5)
    running = asyncio.get_running_loop().create_task(dialer.run())
    await asyncio.wait_for(hung_up.wait(), 5.0)
    running.cancel()
    await asyncio.wait([running])
    server.close()


async def test_who_is_refused_comes_back_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether.store.native.dialer.FIRST_REDIAL_S", 0.01)
    dialled: list[float] = []

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.append(asyncio.get_running_loop().time())
        writer.transport.abort()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    dialer = Dialer(NODES[1], f"127.0.0.1:{port}", ME, None, lambda: 0.5)
    running = asyncio.get_running_loop().create_task(dialer.run())
    await until(lambda: len(dialled) >= 7)
    running.cancel()
    await asyncio.wait([running])
    server.close()
    assert dialled[6] - dialled[0] > 0.01 + 0.02 + 0.04 + 0.08 + 0.16 + 0.3
