"""A simulated operator: what an API call would write, decided on what one machine knows."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Literal

from aether.core.control.admission import (
    Admitted,
    Rejected,
    admit_blueprint,
    admit_deletion,
    admit_scale,
)
from aether.core.control.node_admission import admit_activate, admit_drain
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.reason import Reason
from aether.core.model.records import (
    OnDependencyLoss,
    Placement,
    SliceSpec,
    TopologyRecord,
    Update,
    encode,
)
from aether.core.model.view import ClusterView
from aether.core.store.commands import Applied, Guard, Put, Txn
from aether.errors import AetherError
from aether_forge.sim.control.goods import APP, FRONT, MAIL, POST, SHOP, STOCK, VERSIONS
from aether_forge.sim.control.world import World, seen_by

Decide = Callable[[ClusterView], Admitted | Rejected]

ACTOR = "api:operator"
_TIMEOUT_S = 2.0
_LOSSES: tuple[OnDependencyLoss, ...] = ("cascade", "degrade", "block")


async def change(world: World, what: str, decide: Decide, ask: NodeId | None = None) -> bool:
    """Change what is wanted as the API does; return whether it surely took effect."""
    able = world.well()
    if not able:
        return False
    node = world.nodes[ask if ask in able else able[0]]
    decision = decide(seen_by(node.machine))
    if isinstance(decision, Rejected):
        world.tell(f"operator: {what}: rejected, {decision.problems[0]}")
        world.counts["act rejected"] += 1
        return False
    if not decision.then or node.store is None:
        return not decision.then
    txn = Txn(decision.then, Reason(ACTOR, "operator", what), decision.guards)
    try:
        outcome = await node.store.txn(txn, timeout_s=_TIMEOUT_S)
    except AetherError as problem:
        world.tell(f"operator: {what}: {problem.code}")
        return False
    return isinstance(outcome, Applied)


def wanted(
    throw: Random, version: str, strategy: Literal["rolling", "immediate"] = "rolling"
) -> tuple[SliceSpec, ...]:
    """Return the slices of the shop's blueprint as the dice want them."""

    def spec(base: SliceBase, slice_version: str) -> SliceSpec:
        instances = throw.randrange(1, 5)
        return SliceSpec(
            artifact=Artifact.of(base, slice_version),
            instances=instances,
            config={"tint": throw.randrange(2)},
            min_available=throw.choice((None, None, 0, 1, instances)),
            placement=Placement(spread=throw.choice(("node", "node", "zone"))),
            update=Update(strategy=strategy, max_surge=throw.choice((None, None, 1, 3))),
            on_dependency_loss=throw.choice(_LOSSES),
        )

    older = throw.choice(VERSIONS[:2])
    return (spec(SHOP, version), spec(STOCK, older), spec(FRONT, older))


def apply_shop(version: str, slices: tuple[SliceSpec, ...]) -> Decide:
    """Return the change that applies the shop's blueprint."""
    return lambda view: admit_blueprint(view, Artifact.of(APP, version), slices, "", ACTOR)


def apply_post(version: str, instances: int) -> Decide:
    """Return the change that applies the blueprint of the slice that stands alone."""
    slices = (SliceSpec(artifact=Artifact.of(MAIL, version), instances=instances),)
    return lambda view: admit_blueprint(view, Artifact.of(POST, version), slices, "", ACTOR)


def want_nodes(topology: TopologyRecord) -> Decide:
    """Return the change that says how many nodes are wanted."""
    return lambda view: Admitted(
        then=(Put(keys.TOPOLOGY, encode(topology)),),
        guards=(Guard(keys.TOPOLOGY, view.revisions.get(keys.TOPOLOGY, 0)),),
        summary=f"{topology.nodes} nodes are wanted",
    )


def delete(base: SliceBase) -> Decide:
    """Return the change that deletes a blueprint; the data of its slices stays."""
    return lambda view: admit_deletion(view, base, purge_data=False)


def drain(node: NodeId, *, force: bool = False) -> Decide:
    """Return the change that orders a node to be emptied."""
    return lambda view: admit_drain(view, node, by=ACTOR, force=force)


def activate(node: NodeId) -> Decide:
    """Return the change that takes such an order back."""
    return lambda view: admit_activate(view, node)


async def act(world: World, kind: str, throw: Random, node: NodeId | None = None) -> None:
    """Do one of the things operators do."""
    world.counts[f"operator: {kind}"] += 1
    if kind == "activate all":
        for name in list(world.nodes):
            await change(world, f"activate {name}", activate(name))
        return
    able = world.well()
    ask = throw.choice(able) if able else None
    what, decide = _drawn(world, kind, throw, node)
    await change(world, what, decide, ask)


def _drawn(world: World, kind: str, throw: Random, node: NodeId | None) -> tuple[str, Decide]:
    at = node or throw.choice(list(world.nodes))
    base, count = throw.choice((SHOP, STOCK, FRONT, MAIL)), throw.randrange(1, 7)
    version = throw.choice(VERSIONS[:2])
    post = throw.random() < 0.2
    choices: Mapping[str, tuple[str, Decide]] = {
        "apply": (f"apply shop {version}", apply_shop(version, wanted(throw, version))),
        "apply at once": (
            f"apply shop {version} at once",
            apply_shop(version, wanted(throw, version, "immediate")),
        ),
        "apply poison": ("apply shop 2.0.0", apply_shop("2.0.0", wanted(throw, "2.0.0"))),
        "scale": (f"scale {base} to {count}", lambda view: admit_scale(view, base, count)),
        "delete": (
            f"delete {POST if post else APP}",
            delete(POST if post else APP),
        ),
        "drain": (f"drain {at}", drain(at)),
        "drain by force": (f"drain {at} by force", drain(at, force=True)),
        "activate": (f"activate {at}", activate(at)),
    }
    return choices[kind]
