"""What router processes say of themselves becomes series."""

from collections.abc import Mapping, Sequence
from typing import Any

from aether.telemetry.exposition.routers import routers_source
from tests.exposition_world import told


async def test_a_silent_router_is_down_and_the_others_tell() -> None:
    async def health() -> Sequence[Mapping[str, Any]]:
        return [
            {"status": "ok", "clients": 3, "refused": 1, "revision": 60},
            {"status": "silent", "problem": "no socket"},
            {"status": "ok", "clients": 0, "refused": 0, "revision": -1},
        ]

    values = await told(routers_source(health))
    assert values["aether_router_up"] == {("0",): True, ("1",): False, ("2",): True}
    assert values["aether_router_clients"] == {("0",): 3, ("2",): 0}
    assert values["aether_router_refused_connections"] == {("0",): 1, ("2",): 0}
    assert values["aether_router_table_revision"] == {("0",): 60}
