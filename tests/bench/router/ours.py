"""Our router as a node starts it, on a saved table, without a node."""

import sys

from aether.core.dataplane.table import Endpoint, RouteRow, Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.table_file import write_table
from tests.bench.router.places import Site, free_ports

BASE = SliceBase("bench.local:origin")
NODE = NodeId("bench-1")
REMOTE = NodeId("bench-2")
OTHER_ROUTES = 50


def command(site: Site) -> list[str]:
    """Write the table and return the command."""
    write_table(site.folder / "router" / "table.json", table(site))
    words = [sys.executable, "-m", "aether.dataplane", "--node-id", NODE]
    words += ["--data-dir", str(site.folder), "--port", str(site.port)]
    return [*words, "--mesh-port", str(free_ports(1)[0])]


def table(site: Site) -> Table:
    """Return a table of realistic size, with the routes that are used among the others.

    An origin on a Unix socket is an instance of this node, one on TCP an instance of another.
    """
    others = tuple(
        RouteRow(method="GET", pattern=f"/api/v1/things{number}/{{id}}", slice=BASE)
        for number in range(OTHER_ROUTES)
    )
    used = tuple(
        RouteRow(method=method, pattern="/size/{bytes}", slice=BASE) for method in ("GET", "POST")
    )
    instance = InstanceId(f"{BASE}:1.0.0/0")
    if site.origin.is_unix:
        endpoint = Endpoint(
            instance=instance, slice=BASE, node=NODE, socket=str(site.origin.socket)
        )
    else:
        endpoint = Endpoint(instance=instance, slice=BASE, node=REMOTE, mesh=site.origin.address)
    return Table(revision=1, node=NODE, routes=(*others, *used), instances=(endpoint,))
