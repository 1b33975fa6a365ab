"""The proxies at the edge that a node's configuration names."""

from pathlib import Path

from aether.config.router import RouterExportConfig
from aether.core.dataplane import envoy_listener
from aether.core.dataplane.haproxy import Place
from aether.dataplane.edges import Edge, Edges
from aether.dataplane.envoy_files import EnvoyEdge, EnvoyFiles
from aether.dataplane.haproxy_link import HaproxyLink

RUNTIME, MASTER = "haproxy.sock", "master.sock"
"""Names of haproxy's sockets in its folder."""


def edges_of(config: RouterExportConfig) -> Edges | None:
    """Return who keeps them on the routing table; None when there are none."""
    found = list[Edge]()
    if config.envoy:
        found.append(
            EnvoyEdge(
                EnvoyFiles(
                    envoy_listener.Place(
                        folder=str(Path(config.envoy)),
                        address=config.address,
                        port=config.port,
                        certificate=config.certificate,
                    )
                )
            )
        )
    if config.haproxy:
        folder = Path(config.haproxy)
        place = Place(
            folder=str(folder),
            runtime=str(folder / RUNTIME),
            address=f"[{config.address}]" if ":" in config.address else config.address,
            port=config.port,
            certificate=config.certificate,
        )
        found.append(HaproxyLink(place, folder / MASTER))
    return Edges(found) if found else None
