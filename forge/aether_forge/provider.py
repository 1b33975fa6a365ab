"""Forge as the provider of nodes: it starts what the cluster asks for, as a machine pool would.

One loopback port of the system's choice, `POST /nodes` with the token made at this start. Nodes are told
of both by a configuration file in the forge's directory.
"""

import contextlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from aether_forge.cluster import Cluster
from aether_forge.failures import ForgeError
from aether_forge.layout import HOST, Layout, number_of

MAX_BODY_BYTES = 4096
_TOKEN_BYTES = 24
_STOP_S = 1.0
_NAME = re.compile(r"node-[0-9]{1,4}")


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What a cluster asks for."""

    node: str
    join: list[str]
    cluster_id: str


@contextlib.asynccontextmanager
async def providing(cluster: Cluster) -> AsyncIterator[str]:
    """Start nodes on demand while the block runs; yield the URL."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_post("/nodes", _handler(cluster, token))
    runner = web.AppRunner(app, shutdown_timeout=_STOP_S, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        url = f"http://{HOST}:{runner.addresses[0][1]}/nodes"
        _tell_nodes(cluster.layout, url, token)
        yield url
    finally:
        await runner.cleanup()


def _tell_nodes(layout: Layout, url: str, token: str) -> None:
    """Write the file nodes read at their start, and the token beside it, readable by this user only."""
    _write_private(layout.provider_token, token + "\n")
    lines = ("[provider]", f'url = "{url}"', f'token_file = "{layout.provider_token}"', "")
    _write_private(layout.node_config, "\n".join(lines))


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def _handler(cluster: Cluster, token: str) -> Any:  # noqa: ANN401 - aiohttp's own type of handlers
    expected = f"Bearer {token}".encode()

    async def provide(request: web.Request) -> web.Response:
        given = request.headers.get("authorization", "").encode(errors="replace")
        if not hmac.compare_digest(given, expected):
            return _problem(401, "the bearer token is not the one of this forge")
        try:
            wanted = msgspec.json.decode(await request.read(), type=Wanted)
            if not _NAME.fullmatch(wanted.node):
                raise ValueError(f"{wanted.node[:80]!r} is not a node of a forge")  # noqa: TRY301 - one answer
            number = number_of(wanted.node)
        except (msgspec.MsgspecError, ValueError) as problem:
            return _problem(400, str(problem))
        try:
            done = await cluster.provide(number)
        except ForgeError as problem:
            return _problem(409, str(problem))
        return web.json_response({"done": done}, status=202)

    return provide


def _problem(status: int, text: str) -> web.Response:
    return web.json_response({"message": text}, status=status)
