"""What the control socket of a router says to whom, over the real socket."""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aether.dataplane import control_socket, handover
from aether.dataplane.control_socket import ControlSocket
from aether.dataplane.listeners import Listening, Places, open_listeners
from aether.frames import pack
from tests.integration.router_rig import WAIT_S, until


class Holder:
    """A router that writes down what becomes of it."""

    def __init__(self, listening: Listening) -> None:
        self.listening = listening
        self.revision = 7
        self.handed_over = 0

    def health(self) -> dict[str, object]:
        return {"status": "ok", "pid": os.getpid()}

    def hand_over(self) -> None:
        self.handed_over += 1


class World:
    def __init__(self, folder: Path) -> None:
        self.places = Places(data_dir=folder)
        self.holder = Holder(open_listeners(self.places, "127.0.0.1", (0, 0)))
        self.control = ControlSocket(self.places.control, self.holder)

    async def ask(self, op: str) -> handover.Offer | None:
        return await asyncio.to_thread(handover.ask, self.places.control, op)

    async def say(self, *data: bytes) -> bytes:
        """Send bytes that are no proper question, and return all that comes back."""

        def speak() -> bytes:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(WAIT_S)
                link.connect(str(self.places.control))
                for each in data:
                    link.sendall(each)
                return link.recv(4096)

        return await asyncio.to_thread(speak)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    made = World(folder)
    made.control.start()
    yield made
    await made.control.stop()
    made.holder.listening.close()
    shutil.rmtree(folder)


async def test_it_says_how_the_router_is(world: World) -> None:
    assert await asyncio.to_thread(handover.health, world.places.control) == {
        "status": "ok",
        "pid": os.getpid(),
    }


async def test_taking_gives_every_socket_and_ends_with_a_word(world: World) -> None:
    offer = await world.ask("take")
    assert offer is not None
    assert offer.revision == 7
    assert offer.inode == world.holder.listening.inode
    for name, given in offer.sockets.items():
        kept = world.holder.listening.sockets[name]
        assert given.getsockname() == kept.getsockname()
        assert given.fileno() != kept.fileno()
    assert world.holder.handed_over == 0
    await asyncio.to_thread(offer.finish)
    assert world.holder.handed_over == 1
    offer.close()


async def test_sharing_gives_the_local_socket_only(world: World) -> None:
    offer = await world.ask("share")
    assert offer is not None
    assert sorted(offer.sockets) == ["local"]
    assert sorted(offer.addresses) == ["local", "mesh", "public"]
    offer.close()


async def test_a_second_taker_does_not_hand_over_twice(world: World) -> None:
    first, second = await world.ask("take"), await world.ask("take")
    assert first is not None
    assert second is not None
    await asyncio.to_thread(first.finish)
    with pytest.raises(OSError, match="ended inside"):
        await asyncio.to_thread(second.finish)
    assert world.holder.handed_over == 1
    first.close()
    second.close()


@pytest.mark.parametrize(
    "data",
    [
        pack({"op": "take", "pid": 1}),
        pack({"op": "take"}),
        pack({"op": "dance", "pid": os.getpid()}),
        pack(["take"]),
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x02\xc1\xc1",
    ],
)
async def test_what_is_no_question_of_ours_gets_nothing(world: World, data: bytes) -> None:
    assert await world.say(data) == b""
    assert world.holder.handed_over == 0
    assert await asyncio.to_thread(handover.health, world.places.control)


async def test_who_says_nothing_is_let_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "QUESTION_S", 0.05)
    assert await world.say() == b""
    assert await world.say(b"\x00") == b""


async def test_nobody_answers_for_a_process_that_is_gone(world: World) -> None:
    await world.control.stop()
    assert await world.ask("take") is None
    with pytest.raises(OSError, match="No such file"):
        await asyncio.to_thread(handover.health, world.places.control)


async def test_many_at_once_are_turned_away_and_later_ones_are_not(world: World) -> None:
    links = []
    for _ in range(control_socket.MOST_ASKING):
        link = socket.socket(socket.AF_UNIX)
        links.append(link)
        link.connect(str(world.places.control))
        await until(lambda: world.control._asking == len(links))
    assert await world.ask("share") is None
    for link in links:
        link.close()
    await until(lambda: world.control._asking == 0)
    offer = await world.ask("share")
    assert offer is not None
    offer.close()
