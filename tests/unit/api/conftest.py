"""A node's API over a store of one member: empty, with something deployed, or following."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import ClusterRecord, RouteRecord, encode
from aether.core.store.machine import KvMachine
from aether.ports import Member
from tests.api_world import NODE, SHOP_1, ApiWorld
from tests.worlds import (
    APP,
    SHOP,
    fact,
    nodes,
    spec,
    target,
    wish,
    with_artifact,
    with_blueprint,
    with_instance,
)


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    made = ApiWorld()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def deployed(world: ApiWorld) -> ApiWorld:
    """Two nodes, one blueprint of one slice, one instance of it serving on node-1."""
    view = with_artifact(nodes("node-1", "node-2"), SHOP_1)
    view = with_blueprint(view, spec(SHOP_1))
    view = replace(
        view,
        targets={SHOP: target()},
        routes={("GET", "/shop"): RouteRecord(slice=SHOP, timeout_s=5.0, body_limit=10)},
    )
    await world.hold(with_instance(view, "node-1", f"{SHOP_1}/0", wish(), fact()))
    await world.put({keys.CLUSTER: encode(ClusterRecord(cluster_id="c-1"))})
    await world.put({keys.generation(APP, 1): encode(view.blueprints[APP])})
    return world


@pytest.fixture
async def follower(world: ApiWorld) -> ApiWorld:
    """The same node while node-0 leads."""
    for name in ("node-0", "node-2"):
        member = world.oracle.member(Member(NodeId(name), f"{name}:1"), KvMachine())
        await member.start()
    world.oracle.cut_off(NODE)
    world.oracle.reconnect(NODE)
    assert world.store.leader == "node-0"
    return world
