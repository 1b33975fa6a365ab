"""The routers of a node, supervised by it: real processes, asked over their control sockets."""

import asyncio
import contextlib
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aether.config.node import NodeConfig, StoreConfig
from aether.config.router import CertificateConfig, RouterConfig, RouterTlsConfig
from aether.core.model.ids import NodeId
from aether.dataplane.feed import TableFeed
from aether.dataplane.settings import Certificate, PeerFiles, read_settings
from aether.errors import Unavailable
from aether.node.clock import MonotonicClock
from aether.node.routers import Routers, settings_of
from aether.tasks import Tasks
from tests.integration.router_rig import fetch, until


@pytest.fixture
async def config() -> AsyncIterator[NodeConfig]:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    for name in ("run", "logs", "router"):
        (folder / name).mkdir()
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports = [each.getsockname()[1] for each in (one, two)]
    yield NodeConfig(
        node_id=NodeId("node-1"), data_dir=folder, router_port=ports[0], mesh_port=ports[1]
    )
    kill_routers_of(folder)  # routers outlive their node, and a test that failed
    shutil.rmtree(folder)


def kill_routers_of(folder: Path) -> None:
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in (process.info["cmdline"] or []):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def test_routers_are_told_what_the_node_is_told() -> None:
    tls = RouterTlsConfig(
        certificates=(CertificateConfig(cert="/c.pem", key="/k.pem", hosts=("a.example.org",)),),
        min_version="1.3",
    )
    config = NodeConfig(
        node_id=NodeId("node-1"),
        router=RouterConfig(workers=3, handover_s=7, mesh_tls="on", tls=tls),
        store=StoreConfig(tls_ca="/ca", tls_certificate="/c", tls_key="/k"),
    )
    told = settings_of(config)
    assert (told.node, told.port, told.mesh_port, told.workers) == ("node-1", 8070, 8092, 3)
    assert (told.handover_s, told.min_version) == (7, "1.3")
    assert told.certificates == (
        Certificate(cert="/c.pem", key="/k.pem", hosts=("a.example.org",)),
    )
    assert told.mesh == PeerFiles(ca="/ca", certificate="/c", key="/k")


@pytest.mark.parametrize(
    ("bind", "mesh_tls", "files", "speaks"),
    [
        ("127.0.0.1", "auto", True, False),
        ("10.0.0.1", "auto", True, True),
        ("10.0.0.1", "auto", False, False),
        ("10.0.0.1", "off", True, False),
        ("127.0.0.1", "on", True, True),
    ],
)
def test_the_mesh_speaks_tls_beyond_loopback(
    bind: str, mesh_tls: str, *, files: bool, speaks: bool
) -> None:
    store = (
        StoreConfig(tls_ca="/ca", tls_certificate="/c", tls_key="/k") if files else StoreConfig()
    )
    config = NodeConfig(
        node_id=NodeId("node-1"), bind=bind, store=store, router=RouterConfig(mesh_tls=mesh_tls)
    )
    assert (settings_of(config).mesh is not None) is speaks


async def test_a_node_replaces_routers_on_request_and_those_told_otherwise(
    config: NodeConfig,
) -> None:
    data_dir, clock = config.data_dir, MonotonicClock()
    feed = TableFeed(data_dir / "run" / "router.sock.table")
    await feed.start()
    routers, tasks = Routers(config, data_dir, clock), Tasks()
    await routers.start(tasks)
    await until((data_dir / "run" / "router.pid").exists)
    (first,) = await routers.health()
    assert read_settings(data_dir) == settings_of(config)
    (second,) = await routers.restart()
    assert second["pid"] != first["pid"]
    assert second["status"] == "ok"
    await tasks.stop()  # as if the node had been killed; it comes back with other settings
    other = replace(config, router=RouterConfig(drain_s=1))
    routers, tasks = Routers(other, data_dir, clock), Tasks()
    await routers.start(tasks)
    path = str(data_dir / "run" / "router.sock")
    health = second
    async with asyncio.timeout(60):
        while health["pid"] == second["pid"]:
            health = (await fetch(path, "/_aether/health")).json()
    assert health["settings"] != second["settings"]
    (data_dir / "router" / "settings.json").write_text("spoiled")
    await until(lambda: routers._supervisors[0].pid == health["pid"])
    with pytest.raises(Unavailable, match="the one before serves on"):
        await routers.restart()
    assert [each["pid"] for each in await routers.health()] == [health["pid"]]
    await tasks.stop()
    await routers.stop()
    assert [each["status"] for each in await routers.health()] == ["silent"]
    await feed.stop()
