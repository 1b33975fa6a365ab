"""A node tells the proxies its configuration names."""

from pathlib import Path

from aether.config.router import RouterExportConfig
from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane.edges import Edges
from aether.node.edges import edges_of
from aether.tasks import Tasks
from tests.integration.router_rig import until

TABLE = Table(revision=3, node=NodeId("n"))


def test_without_a_folder_there_is_nobody_to_tell() -> None:
    assert edges_of(RouterExportConfig()) is None


async def test_every_proxy_that_is_named_finds_its_files(tmp_path: Path) -> None:
    envoy, haproxy = tmp_path / "e", tmp_path / "h"
    config = RouterExportConfig(envoy=str(envoy), haproxy=str(haproxy), address="::1", port=8123)
    edges, tasks = edges_of(config), Tasks()
    assert isinstance(edges, Edges)
    edges.publish(TABLE)
    tasks.start("edges", edges.run())
    await until(lambda: edges.confirmed == 3)  # a haproxy that does not run holds nobody up
    await tasks.stop()
    assert '"address":"::1","port_value":8123' in (envoy / "lds.json").read_text()
    written = (haproxy / "haproxy.cfg").read_text()
    assert "bind [::1]:8123\n" in written
    assert f"stats socket {haproxy}/haproxy.sock " in written
