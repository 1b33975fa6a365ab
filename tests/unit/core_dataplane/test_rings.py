"""Who of a version takes a request: turns, distances, strategies and warmth."""

from collections import Counter

import pytest

from aether.core.dataplane.draws import Draws
from aether.core.dataplane.members import WARM, Member
from aether.core.dataplane.rings import HOP_WORTH, Lane, Ring, Warmth, choose
from aether.core.dataplane.rows import Endpoint
from aether.core.model.ids import InstanceId, NodeId, SliceBase


def member(number: int, in_flight: int = 0, since: float = WARM) -> Member:
    made = Member(
        Endpoint(
            instance=InstanceId(f"a:b:1.0.0/{number}"),
            slice=SliceBase("a:b"),
            node=NodeId("n"),
            socket=f"/{number}",
        ),
        since,
    )
    made.in_flight = in_flight
    return made


def test_turns_go_round_and_go_on_when_members_change() -> None:
    one, two, three = (member(number) for number in range(3))
    ring = Ring((one, two, three))
    assert [choose([ring], "round_robin", Draws(0), None) for _ in range(2)] == [one, two]
    ring.replace((one, two))
    assert choose([ring], "round_robin", Draws(0), None) is one
    ring.replace(())
    assert ring.turn == 0


@pytest.mark.parametrize("balance", ["round_robin", "least_pending", "random"])
def test_a_near_one_is_left_only_when_the_hop_is_worth_it(balance: str) -> None:
    near, far = member(0, HOP_WORTH), member(1, 1)
    rings = [Ring((near,)), Ring((far,))]
    assert choose(rings, balance, Draws(0), None) is near
    far.in_flight = 0
    assert choose(rings, balance, Draws(0), None) is far


def test_a_turn_is_used_up_only_in_the_ring_that_is_chosen() -> None:
    near, one, two = member(0), member(1), member(2)
    rings = [Ring((near,)), Ring((one, two))]
    for _ in range(3):
        choose(rings, "round_robin", Draws(0), None)
    near.in_flight = HOP_WORTH
    assert choose(rings, "round_robin", Draws(0), None) is one
    assert choose(rings, "round_robin", Draws(0), None) is two


def test_of_two_drawn_the_one_with_fewer_requests_takes_it() -> None:
    members = tuple(member(number, in_flight=number) for number in range(4))
    counts = Counter(
        choose([Ring(members)], "least_pending", Draws(seed), None) for seed in range(1200)
    )
    # of six pairs the idlest is in three, the next in two more, the third in one, the busiest never
    assert counts[members[3]] == 0
    assert [round(counts[each] / 200) for each in members[:3]] == [3, 2, 1]


def test_a_new_one_takes_a_part_of_its_turns() -> None:
    old, new = member(0), member(1, since=0.0)
    ring = Ring((old, new))
    warmth = Warmth(10.0, WARM, 5.0)  # at 0.55 of a full share
    counts = Counter(choose([ring], "round_robin", Draws(0), warmth) for _ in range(1550))
    assert abs(counts[new] - 550) <= 1


def test_new_ones_alone_share_evenly() -> None:
    ring = Ring((member(0, since=0.0), member(1, since=0.0)))
    counts = Counter(
        choose([ring], "round_robin", Draws(0), Warmth(9.0, 0.0, 1.0)) for _ in "123456"
    )
    assert sorted(counts.values()) == [3, 3]


def test_a_new_near_one_lets_far_ones_work() -> None:
    near, far = member(0, since=0.0), member(1)
    rings = [Ring((near,)), Ring((far,))]
    counts = Counter(
        choose(rings, "round_robin", Draws(0), Warmth(9.0, WARM, 0.0)) for _ in range(100)
    )
    assert abs(counts[near] - 10) <= 1


def test_when_nobody_has_a_whole_turn_somebody_takes_it_all_the_same() -> None:
    old = Warmth(10.0, WARM, 0.0)
    only = member(0, since=0.0)
    assert choose([Ring((only,))], "round_robin", Draws(0), old) is only


def test_a_lane_leaves_out_what_does_not_fit_and_goes_on_after_the_chosen() -> None:
    one, two, three = (member(number) for number in range(3))
    lane = Lane("1.0.0")
    lane.fill([[one, two, three], [], []])
    lane.rings[0].turn = 1
    assert lane.rings[0].only(lambda each: each is not two).members == (three, one)
    assert lane.has(lambda each: each is two)
    assert not lane.has(lambda each: each.in_flight > 0)
    lane.advance_past(three)
    assert lane.rings[0].turn == 0
