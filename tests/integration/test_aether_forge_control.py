"""Commands from another shell, and rubbish from it."""

import asyncio
from pathlib import Path

import pytest

from aether_forge import control
from aether_forge.failures import ForgeError
from aether_forge.session import handler_of
from tests.integration.forge_nodes import (
    data_dir,
    running,
)

__all__ = ["data_dir"]  # the fixture


async def test_commands_come_through_the_socket(data_dir: Path) -> None:
    async with running(data_dir, 1) as (cluster, _):
        path = cluster.layout.socket
        async with control.listening(path, handler_of(cluster)):
            (status,) = await control.call(path, {"op": "status"})
            assert (status["node"], status["state"]) == ("node-1", "running")
            assert "killed every" in await control.call(
                path, {"op": "kill", "node": 1, "only": None}
            )
            await control.call(path, {"op": "start", "node": 1})
            for bad in ({"op": "explode"}, {"op": "kill", "node": "1"}, {"op": "start"}):
                with pytest.raises(ForgeError, match="not a command"):
                    await control.call(path, bad)
            with pytest.raises(ForgeError, match="is none of"):
                await control.call(path, {"op": "kill", "node": 1, "only": "everything"})
            await cluster.wait_ready(30)
        with pytest.raises(ForgeError, match="no forge runs on"):
            await control.call(path, {"op": "status"})


async def test_rubbish_on_the_socket_does_not_end_the_forge(data_dir: Path) -> None:
    async def answer(request: dict[str, object]) -> object:
        return request["op"]

    path = data_dir.with_name("forge.sock")
    async with control.listening(path, answer):
        for rubbish in (b"", b"\xff\xff\xff\xff", b"\0\0\0\x01\xc1", b"\0\0\0\x01\x01"):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(rubbish)
            writer.write_eof()
            async with asyncio.timeout(5):
                await reader.read()
            writer.close()
            await writer.wait_closed()
        assert await control.call(path, {"op": "still here"}) == "still here"
