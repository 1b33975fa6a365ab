"""The cluster as its leader sees it becomes series; other nodes tell of themselves."""

from dataclasses import replace
from typing import cast

from aether.core.model.ids import NodeId
from aether.core.model.plan import Plan
from aether.core.model.view import ClusterView
from aether.ports import Store
from aether.telemetry.exposition.cluster import ClusterSeen, cluster_source
from tests.exposition_world import told
from tests.worlds import (
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


class Led:
    """A store that knows a leader."""

    def __init__(self, leader: str) -> None:
        self.leader = NodeId(leader)


def seen(view: ClusterView, leader: str) -> ClusterSeen:
    return ClusterSeen(
        node=NodeId("n1"),
        version="1.2",
        store=cast("Store", Led(leader)),
        view=lambda: view,
        last_plan=lambda: Plan(waiting=("room", "quorum")),
        is_ready=lambda: True,
    )


def world() -> ClusterView:
    view = with_artifact(nodes("n1", "n2"), f"{SHOP}:1.0.0")
    view = with_blueprint(view, spec(f"{SHOP}:1.0.0", instances=2))
    return with_instance(
        replace(view, targets={SHOP: target(instances=2)}),
        "n1",
        f"{SHOP}:1.0.0/0",
        wish(),
        fact(),
    )


async def test_the_leader_tells_of_the_whole_cluster() -> None:
    values = await told(cluster_source(seen(world(), "n1")))
    assert values["aether_cluster_nodes"]["ON_DUTY",] == 2
    assert values["aether_cluster_nodes"]["LOST",] == 0
    assert values["aether_cluster_artifacts"] == {(): 1}
    assert values["aether_controller_waiting"] == {(): 2}
    assert values["aether_cluster_unreadable_records"] == {(): 0}
    assert values["aether_cluster_blueprints"]["DEPLOYING",] == 1
    assert values["aether_slice_wanted_instances"] == {(str(SHOP),): 2}
    assert values["aether_slice_active_instances"] == {(str(SHOP),): 1}


async def test_another_node_tells_of_itself_alone() -> None:
    values = await told(cluster_source(seen(world(), "n2")))
    assert list(values) == ["aether_node", "aether_node_ready", "aether_node_instances"]
    assert values["aether_node_instances"]["ACTIVE",] == 1
    assert values["aether_node_ready"] == {(): True}
    ((node, version, role, _),) = values["aether_node"]
    assert (node, version, role) == ("n1", "1.2", "voter")
