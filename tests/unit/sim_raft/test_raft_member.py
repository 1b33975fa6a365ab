"""One member's process: its clock, its pauses, its end."""

from aether_forge.sim.raft.member import LocalClock
from aether_forge.sim.raft.settings import draw
from aether_forge.sim.raft.world import World


def calm(seed: int = 5) -> World:
    world = World(draw(seed, 3))
    world.agenda.run_until(2.0)
    return world


def test_a_clock_that_changes_its_rate_does_not_jump() -> None:
    clock = LocalClock(100.0, 1.0)
    assert clock.read(5.0) == 105.0
    clock.run_at(0.5, 5.0)
    assert (clock.read(5.0), clock.read(9.0)) == (105.0, 107.0)
    assert clock.until(110.0, 9.0) == 6.0
    assert clock.until(50.0, 9.0) == 0.0


def test_what_comes_during_a_pause_comes_after_it() -> None:
    world = calm()
    follower = next(node for node in world.nodes if node != world.leader())
    member = world.nodes[follower]
    member.pause()
    world.agenda.run_until(3.0)
    assert member.replica is not None
    before = member.replica.applied
    assert world.running() != list(world.nodes)
    member.resume()
    world.agenda.run_until(4.5)
    assert member.replica.applied > before


def test_a_replica_that_raises_is_a_violation() -> None:
    world = calm()

    def fail(*_: object) -> None:
        raise ZeroDivisionError("on purpose")

    next(iter(world.nodes.values())).tell(fail)
    assert "on purpose" in world.violations[0]


def test_a_machine_may_stop_in_a_step_on_its_disk_and_comes_back() -> None:
    world = calm()
    member = next(iter(world.nodes.values()))
    member.disk.fuse = 3
    world.agenda.run_until(3.0)
    assert member.disk.stopped_in
    world.agenda.run_until(5.0)
    assert member.life == 2
    assert member.runs
    assert world.violations == []
