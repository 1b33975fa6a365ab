"""Many instances on five real nodes: how long until all serve, and until those of a dead node do again."""

import os
import statistics

from e2e.forge import Forge, running_forge, wait_until
from tests.bench.report import conditions, own_results, write

PORT_OFFSET = 4500
NODES = 5
INSTANCES = int(os.environ.get("BENCH_INSTANCES", "100"))
KILLS = int(os.environ.get("BENCH_KILLS", "5"))
DEPLOY_S = 300.0
HEAL_S = 60.0
BLUEPRINT = "org.example:many"
TEXT = """
id = "org.example:many:1.0.0"

[[slices]]
artifact = "org.example:hello-asgi:1.0.0"
instances = {instances}
max_instances = {instances}
"""

Numbers = list[tuple[str, str, float, str]]


def run() -> None:
    """Measure a cluster of its own and print the results."""
    with running_forge(
        PORT_OFFSET, "--nodes", str(NODES), "--artifact", "examples/asgi_app"
    ) as forge:
        numbers = [(f"deploy/{INSTANCES}", "all_active", _deploy(forge), "s")]
        numbers += _kills(forge)
    said = conditions(f"{NODES} nodes on one machine, {INSTANCES} instances, {KILLS} kills")
    write(own_results("cluster", numbers, said))


def _deploy(forge: Forge) -> float:
    """Apply the blueprint; return the seconds until every instance is ACTIVE."""
    blueprint = forge.data_dir.parent / "many.toml"
    blueprint.write_text(TEXT.format(instances=INSTANCES))
    answer = forge.api(1, "blueprints", "POST", blueprint.read_bytes())
    if answer.status != 200:
        raise RuntimeError(f"not applied: {answer.body.decode()}")
    return wait_until("all instances serve", lambda: _is_whole(forge, 1), DEPLOY_S)


def _is_whole(forge: Forge, witness: int) -> bool:
    return forge.is_deployed(witness, BLUEPRINT)


def _kills(forge: Forge) -> Numbers:
    """Kill one node after another; return how long until all instances serve without it."""
    took: list[float] = []
    for number in range(KILLS):
        victim = 2 + number % (NODES - 1)
        name = f"node-{victim}"
        forge.command("kill", name)
        took.append(
            wait_until(
                "all instances serve without the victim",
                lambda name=name: name not in _hosts(forge) and _is_whole(forge, 1),  # type: ignore[misc] # the default binds the loop's value
                HEAL_S,
            )
        )
        forge.command("start", name)
        wait_until("it hosts again", lambda name=name: name in _hosts(forge), HEAL_S)  # type: ignore[misc] # the default binds the loop's value
        wait_until("at rest", lambda: _is_whole(forge, 1), HEAL_S)
    return [
        ("node kill", "replaced_p50", statistics.median(took), "s"),
        ("node kill", "replaced_max", max(took), "s"),
    ]


def _hosts(forge: Forge) -> set[str]:
    status = forge.api(1, f"blueprints/{BLUEPRINT}/status").json()
    return {instance["node"] for slice_ in status["slices"] for instance in slice_["instances"]}
