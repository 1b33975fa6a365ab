"""Asking for nodes over real HTTP: what is sent, and what every kind of answer means."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from aether.config.node import ProviderConfig
from aether.core.model.ids import NodeId
from aether.errors import Conflict, Unavailable
from aether.node.provider import HttpNodeProvider
from tests.integration.contracts.raft_cluster import free_port

NODE = NodeId("n-4")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    """Serve on loopback; yield the URL of the provider."""
    app = web.Application()
    app.router.add_post("/nodes", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/nodes"
    finally:
        await runner.cleanup()


def provider(url: str, token_file: Path | None = None, timeout_s: float = 5.0) -> HttpNodeProvider:
    config = ProviderConfig(
        url=url, token_file=str(token_file) if token_file else "", timeout_s=timeout_s
    )
    return HttpNodeProvider(config, "cluster-1", lambda: [f"h:{port}" for port in range(1, 9)])


async def test_name_addresses_cluster_and_token_are_sent(tmp_path: Path) -> None:
    seen: list[tuple[object, str | None]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((await request.json(), request.headers.get("authorization")))
        return web.json_response({}, status=202)

    token = tmp_path / "token"
    token.write_text("secret\n")
    async with answering(take) as url:
        await provider(url, token).provide(NODE)
        await provider(url).provide(NODE)
    body = {"node": "n-4", "join": [f"h:{port}" for port in range(1, 6)], "cluster_id": "cluster-1"}
    assert seen == [(body, "Bearer secret"), (body, None)]


@pytest.mark.parametrize(
    ("status", "kind"), [(403, Conflict), (409, Conflict), (500, Unavailable), (302, Unavailable)]
)
async def test_what_is_no_success_says_why(status: int, kind: type[Exception]) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=status, text="no\nroom" * 1000, headers={"location": "/else"})

    async with answering(refuse) as url:
        with pytest.raises(kind, match=rf"answered {status} for n-4: no room") as caught:
            await provider(url).provide(NODE)
    assert len(str(caught.value)) < 500


async def test_nobody_there_and_nobody_answering_are_unavailable() -> None:
    released = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    with pytest.raises(Unavailable, match="cannot be reached"):
        await provider(f"http://127.0.0.1:{free_port()}/nodes").provide(NODE)
    async with answering(hang) as url:
        with pytest.raises(Unavailable, match=r"did not answer in 0\.2 s"):
            await provider(url, timeout_s=0.2).provide(NODE)
        released.set()


async def test_a_token_that_cannot_be_read_is_said_before_anybody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="cannot be read"):
        await provider("http://127.0.0.1:9/nodes", tmp_path / "absent").provide(NODE)
    empty = tmp_path / "empty"
    empty.write_text("\n")
    with pytest.raises(Conflict, match="holds no token"):
        await provider("http://127.0.0.1:9/nodes", empty).provide(NODE)
