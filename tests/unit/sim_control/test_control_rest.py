"""At rest: what is not met is said, what is out of place is found."""

from dataclasses import replace

from aether.core.model.ids import SliceBase
from aether_forge.sim.control.rest import (
    bound_s,
    check_nothing_left,
    check_truth,
    unmet,
    wait_met,
    wait_quiet,
)
from aether_forge.sim.control.world import World
from tests.unit.sim_control.small import BOTH, in_a_world, settings


def test_a_calm_cluster_is_met_quiet_and_true() -> None:
    async def story(world: World) -> None:
        assert await wait_met(world, BOTH, 10.0) >= 0
        await wait_quiet(world, 60.0)
        check_truth(world)

    assert in_a_world(story).violations == []


def test_a_blueprint_nobody_applied_is_never_met() -> None:
    async def story(world: World) -> None:
        nobody = SliceBase("org.example:nobody")
        assert unmet(world.view(), (nobody,)) == "org.example:nobody is not there"
        assert await wait_met(world, (nobody,), 2.0) == -1.0

    (violation,) = in_a_world(story).violations
    assert violation.startswith("2 s after the last fault: org.example:nobody is not there")


def test_what_runs_unasked_and_what_is_left_is_found() -> None:
    async def story(world: World) -> None:
        node = next(one for one in world.nodes.values() if one.hosts.live)
        instance = sorted(node.hosts.live)[0]
        await node.kill()
        node.hosts.crash(instance)
        check_truth(world)
        check_nothing_left(world)

    told = "\n".join(in_a_world(story).violations)
    assert "is wanted and does not run" in told
    assert "after everything was deleted there still is" in told


def test_the_bound_counts_steps_and_time_outs() -> None:
    calm = settings()
    assert bound_s(calm) == calm.met_within_s + 6 * 0.3
    assert bound_s(replace(calm, hosts_hung=True)) > 240
