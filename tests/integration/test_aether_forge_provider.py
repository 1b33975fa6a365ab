"""A forge that is asked for nodes over HTTP, by whoever has its token."""

import asyncio
import json
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

from aether.config.node import load_config
from aether.core.model.ids import NodeId
from aether.node.provider import HttpNodeProvider
from aether_forge.cluster import Cluster
from aether_forge.provider import providing
from tests.integration.forge_nodes import count, data_dir, running
from tests.integration.rpc_nodes import eventually

__all__ = ["data_dir"]  # the fixture

BODY = {"node": "node-3", "join": [], "cluster_id": "c"}


async def post(url: str, body: bytes, token: str) -> tuple[int, str]:
    request = urllib.request.Request(  # noqa: S310 - a loopback URL of this test
        url, body, {"authorization": f"Bearer {token}"}
    )

    def ask() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, problem.read().decode()

    return await asyncio.to_thread(ask)


async def test_a_node_asked_for_is_started_once_and_told_whom_to_ask(data_dir: Path) -> None:
    async with running(data_dir) as (cluster, terminal), providing(cluster) as url:
        config = load_config({"node_id": "node-1", "config": str(cluster.layout.node_config)}, {})
        assert config.provider.url == url
        provider = HttpNodeProvider(config.provider, "c", lambda: ["127.0.0.1:1"])
        await provider.provide(NodeId("node-4"))
        await provider.provide(NodeId("node-4"))
        assert cluster.numbers == [1, 2, 4]
        assert "the cluster asked for a node: added node-4" in terminal.text()
        log = cluster.layout.log_file(4)
        await eventually(lambda: log.exists() and "--config" in log.read_text())
        await cluster.wait_ready(30)
        await cluster.kill(4, None)
        await provider.provide(NodeId("node-4"))
        await cluster.wait_ready(30)
        assert count(cluster, 4) > 0


def token_of(cluster: Cluster) -> str:
    told = tomllib.loads(cluster.layout.node_config.read_text())["provider"]
    path = Path(told["token_file"])
    assert path.stat().st_mode & 0o777 == 0o600
    return path.read_text().strip()


async def test_strangers_and_nonsense_are_refused(data_dir: Path) -> None:
    async with running(data_dir, 1) as (cluster, _), providing(cluster) as url:
        token = token_of(cluster)
        good = json.dumps(BODY).encode()
        assert (await post(url, good, "guess"))[0] == 401
        for body in (b"", b"[]", b'{"node": "node-3"}', json.dumps({**BODY, "more": 1}).encode()):
            assert (await post(url, body, token))[0] == 400, body
        for name in ("../x", "node-0", "node-999", "3", "node-3; rm", "n" * 3000):
            status, text = await post(url, json.dumps({**BODY, "node": name}).encode(), token)
            assert (status, "not a node of a forge" in text) == (400, True), name
        assert (await post(url, b"x" * 10_000, token))[0] == 413
        assert cluster.numbers == [1]
        await cluster.kill(1, None)
        status, text = await post(url, good, token)
        assert (status, "no node runs" in text) == (409, True)
