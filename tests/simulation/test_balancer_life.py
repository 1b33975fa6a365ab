"""Lives of four instances behind one balancer: one dies, is ill, is slow, and comes back."""

from functools import partial

import pytest

from aether.core.dataplane.ejection import LONGEST_EJECTION_S
from tests.balancer_world import SERVICE_S, Done, World

CLIENTS = 16


def lived(world: World) -> list[Done]:
    world.run()
    assert all(world.balancer.in_flight(host.endpoint) == 0 for host in world.hosts)
    return world.done


def test_a_dead_instance_costs_no_request_and_a_few_attempts() -> None:
    world = World(4, seed=1)
    victim = world.hosts[0]
    world.clients(CLIENTS, until=9.0)
    world.change(2.0, victim, is_dead=True)
    world.change(5.0, victim, is_dead=False)
    lived(world)
    assert set(world.counts()) == {200}
    assert world.answered_by(victim, 0.0, 2.0) == pytest.approx(0.25, abs=0.01)
    # while dead: the requests it held, then one or a few each time it may show itself
    assert world.attempts_at(victim, 2.05, 2.4) == 0
    assert 1 <= world.attempts_at(victim, 2.0, 5.0) <= CLIENTS
    assert world.answered_by(victim, 8.0, 9.0) == pytest.approx(0.25, abs=0.02)


def test_one_that_comes_back_is_found_within_the_longest_ejection() -> None:
    world = World(4, seed=2)
    victim = world.hosts[3]
    world.clients(CLIENTS, until=32.0)
    world.change(1.0, victim, is_dead=True)
    world.change(20.0, victim, is_dead=False)
    lived(world)
    assert set(world.counts()) == {200}
    returned = min(
        each.began
        for each in world.done
        if each.began >= 20.0 and each.instance == victim.endpoint.instance
    )
    assert returned <= 20.0 + LONGEST_EJECTION_S
    assert world.attempts_at(victim, 1.1, 20.0) <= 3 * CLIENTS


def test_an_ill_instance_is_set_aside_while_others_do_well() -> None:
    world = World(4, seed=3)
    victim = world.hosts[1]
    world.clients(CLIENTS, until=6.0)
    world.change(1.0, victim, is_ill=True)
    world.change(4.0, victim, is_ill=False)
    lived(world)
    # an instance that fails at once would be the fastest and get more than its share
    errors = world.counts()[500]
    assert 5 <= errors <= 150
    assert errors / len(world.done) < 0.01
    assert world.answered_by(victim, 5.5, 6.0) > 0.2


def test_when_all_are_ill_nobody_is_spared() -> None:
    world = World(4, seed=4)
    world.clients(CLIENTS, until=0.8)
    for host in world.hosts:
        world.change(0.5, host, is_ill=True)
    lived(world)
    late = [each for each in world.done if each.began > 0.6]
    shares = [world.answered_by(host, 0.6, 0.8) for host in world.hosts]
    assert {each.status for each in late} == {500}
    assert sum(share > 0.1 for share in shares) >= 3
    assert sum(world.ejections.values()) <= 3


def test_when_all_die_clients_hear_at_once_and_all_is_well_again_soon() -> None:
    world = World(4, seed=5)
    world.clients(CLIENTS, until=12.0)
    for host in world.hosts:
        world.change(2.0, host, is_dead=True)
        world.change(4.0, host, is_dead=False)
    lived(world)
    assert world.slowest(0.999, 2.1, 4.0) <= SERVICE_S
    down = len([each for each in world.attempts if 2.2 <= each[0] < 4.0])
    assert down <= 40, "breakers let a probe through now and then, no more"
    assert {each.status for each in world.done if each.began >= 8.5} == {200}
    shares = [world.answered_by(host, 11.0, 12.0) for host in world.hosts]
    assert min(shares) > 0.23


def test_least_pending_keeps_away_from_a_slow_instance_and_turns_do_not() -> None:
    tails = {}
    for balance in ("round_robin", "least_pending"):
        world = World(4, balance=balance, seed=6)
        world.arrivals(400.0, until=12.0)
        slow = world.hosts[2]
        world.change(2.0, slow, service_s=100 * SERVICE_S)
        world.change(8.0, slow, service_s=SERVICE_S)
        lived(world)
        assert set(world.counts()) == {200}
        tails[balance] = world.answered_by(slow, 3.0, 8.0)
        assert world.answered_by(slow, 10.0, 12.0) == pytest.approx(0.25, abs=0.05)
    assert tails["round_robin"] == pytest.approx(0.25, abs=0.02)
    assert tails["least_pending"] < 0.08


def test_a_limit_sheds_what_is_too_much_and_keeps_the_rest_fast() -> None:
    """At three times what four instances can do, those let in wait for nobody."""
    world = World(4, concurrency=1, seed=7)
    world.arrivals(3 * 4 / SERVICE_S, until=2.0)
    lived(world)
    counts = world.counts()
    assert set(counts) == {200, 503}
    served = [each.seconds for each in world.done if each.status == 200]
    assert sorted(served)[int(0.99 * len(served))] < 6 * SERVICE_S
    assert 0.65 < counts[503] / len(world.done) < 0.8


@pytest.mark.parametrize("balance", ["round_robin", "least_pending", "random"])
def test_one_seed_one_life(balance: str) -> None:
    lives = []
    for _ in range(2):
        world = World(4, balance=balance, seed=8)
        world.clients(8, until=2.0)
        world.change(0.5, world.hosts[0], is_dead=True)
        world.at(1.0, partial(world.use, *world.hosts[1:]))
        lives.append([(each.ended, each.status, each.instance) for each in lived(world)])
    assert lives[0] == lives[1]
