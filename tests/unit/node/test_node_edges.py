"""A node tells the proxies its configuration names."""

from dataclasses import replace
from pathlib import Path

from aether.config.node import load_config
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
    said = {"envoy": envoy, "haproxy": haproxy, "address": "::1", "port": "8123"}
    environ = {f"AETHER_ROUTER__EXPORT__{name.upper()}": str(said[name]) for name in said}
    config = load_config({"node_id": "n"}, environ).router.export
    edges, tasks = edges_of(replace(config, certificate="/etc/pki/shop.pem")), Tasks()
    assert isinstance(edges, Edges)
    edges.publish(TABLE)
    tasks.start("edges", edges.run())
    await until(lambda: edges.confirmed == 3)  # a haproxy that does not run holds nobody up
    await tasks.stop()
    assert '"address":"::1","port_value":8123' in (envoy / "lds.json").read_text()
    written = (haproxy / "haproxy.cfg").read_text()
    assert "bind [::1]:8123 ssl crt /etc/pki/shop.pem alpn h2,http/1.1 " in written
    assert '"filename":"/etc/pki/shop.pem"' in (envoy / "sds.json").read_text()
    assert f"stats socket {haproxy}/haproxy.sock " in written
