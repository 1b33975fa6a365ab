"""Our router as a node starts it, on a saved table, without a node.

`BENCH_TABLE=full`, the default, has every function at work: two versions by weight, a rule by header, the less busy
of two instances, limits of rate and concurrency, and the access log. `BENCH_TABLE=plain` has none of these.
"""

import os
import sys

from aether.core.dataplane.table import (
    Endpoint,
    RouteRow,
    SlicePolicy,
    SplitRule,
    Table,
    VersionWeight,
)
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.access_log import AccessLogSettings
from aether.dataplane.settings import RouterSettings, write_settings
from aether.dataplane.table_file import write_table
from tests.bench.router.places import Site, free_ports

BASE = SliceBase("bench.local:origin")
NODE = NodeId("bench-1")
REMOTE = NodeId("bench-2")
OTHER_ROUTES = 50
VERSIONS = {"1.0.0": 90, "1.1.0": 10}
"""With their weights, two instances each."""
RATE = 1_000_000.0
"""Requests a second a route takes: counted, and never reached."""


def command(site: Site) -> list[str]:
    """Write table and settings and return the command."""
    is_full = os.environ.get("BENCH_TABLE", "full") != "plain"
    write_table(site.folder / "router" / "table.json", table(site, is_full=is_full))
    settings = RouterSettings(
        node=NODE,
        port=site.port,
        mesh_port=free_ports(1)[0],
        access_log=AccessLogSettings() if is_full else None,
    )
    write_settings(site.folder, settings)
    return [sys.executable, "-m", "aether.dataplane", "--data-dir", str(site.folder)]


def table(site: Site, *, is_full: bool) -> Table:
    """Return a table of realistic size, with the routes that are used among the others."""
    others = tuple(
        RouteRow(method="GET", pattern=f"/api/v1/things{number}/{{id}}", slice=BASE)
        for number in range(OTHER_ROUTES)
    )
    rate = RATE if is_full else 0.0
    used = tuple(
        RouteRow(method=method, pattern="/size/{bytes}", slice=BASE, rate=rate)
        for method in ("GET", "POST")
    )
    versions = VERSIONS if is_full else {"1.0.0": 1}
    ordinals = range(2 if is_full else 1)
    instances = [_endpoint(site, version, n) for version in versions for n in ordinals]
    return Table(
        revision=1,
        node=NODE,
        routes=(*others, *used),
        instances=tuple(instances),
        policies=(_policy(),) if is_full else (),
    )


def _endpoint(site: Site, version: str, ordinal: int) -> Endpoint:
    """An origin on a Unix socket is an instance of this node, one on TCP an instance of another."""
    instance = InstanceId(f"{BASE}:{version}/{ordinal}")
    if site.origin.is_unix:
        return Endpoint(instance=instance, slice=BASE, node=NODE, socket=str(site.origin.socket))
    return Endpoint(instance=instance, slice=BASE, node=REMOTE, mesh=site.origin.address)


def _policy() -> SlicePolicy:
    return SlicePolicy(
        slice=BASE,
        balance="least_pending",
        weights=tuple(VersionWeight(version=v, weight=w) for v, w in VERSIONS.items()),
        rules=(SplitRule(version="1.1.0", header="x-beta", value="yes"),),
        concurrency=1000,
        slow_start_s=1.0,
    )
