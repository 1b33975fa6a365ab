"""The balancer by example; the laws are in tests/property/test_balancer_laws.py."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from aether.core.dataplane.balance import Balancer, Choice, Outcome, Refusal
from aether.core.dataplane.breaker import FAILURES_TO_OPEN, FIRST_OPEN_S
from aether.core.dataplane.ejection import ERRORS_IN_A_ROW, FIRST_EJECTION_S
from aether.core.dataplane.rings import HOP_WORTH
from aether.core.dataplane.rows import Endpoint, SlicePolicy
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.traffic import SplitRule, VersionWeight

BASE = SliceBase("a:b")


def near(number: int, version: str = "1.0.0") -> Endpoint:
    return Endpoint(
        instance=InstanceId(f"a:b:{version}/{number}"),
        slice=BASE,
        node=NodeId("here"),
        socket=f"/{version}/{number}",
    )


def far(number: int, version: str = "1.0.0", *, zone: str = "", host: str = "far") -> Endpoint:
    return Endpoint(
        instance=InstanceId(f"a:b:{version}/{number}"),
        slice=BASE,
        node=NodeId("there"),
        mesh=f"{host}:8092",
        zone=zone,
    )


class Play:
    """A balancer and the endpoints of one slice."""

    def __init__(self, *endpoints: Endpoint, zone: str = "", **policy: Any) -> None:
        self.balancer = Balancer(seed=7, zone=zone)
        self.policy = replace(SlicePolicy(slice=BASE), **policy)
        self.now = 100.0
        self.use(*endpoints)

    def use(self, *endpoints: Endpoint, **policy: Any) -> None:
        self.policy = replace(self.policy, **policy)
        self.choice = Choice(BASE, endpoints)
        self.balancer.configure([self.policy], endpoints, self.now)

    def pick(self, *tried: Endpoint, **wish: Any) -> Endpoint | Refusal | None:
        names = {each.instance for each in tried}
        return self.balancer.pick(replace(self.choice, **wish), names, self.now)

    def picks(self, count: int, **wish: Any) -> Counter[Endpoint | Refusal | None]:
        return Counter(self.pick(**wish) for _ in range(count))

    def send(self, endpoint: Endpoint, outcome: Outcome, seconds: float = 0.0) -> float | None:
        self.balancer.started(endpoint)
        return self.balancer.ended(endpoint, outcome, seconds, self.now)


ONE, TWO, THREE, FOUR = (near(number) for number in range(4))


def test_takes_turns() -> None:
    play = Play(ONE, TWO, THREE)
    first = [play.pick() for _ in range(3)]
    assert set(first) == {ONE, TWO, THREE}
    assert [play.pick() for _ in range(3)] == first


def test_a_slice_without_endpoints_and_one_that_is_unknown_have_nobody() -> None:
    play = Play()
    assert play.pick() is None
    assert play.balancer.pick(Choice(SliceBase("a:c"), (ONE,)), (), 0.0) is None


def test_a_failure_sets_aside_for_a_while() -> None:
    play = Play(ONE, TWO, THREE)
    assert play.send(ONE, Outcome.FAILED) == FIRST_EJECTION_S
    assert set(play.picks(6)) == {TWO, THREE}
    assert play.balancer.is_ejected(ONE, play.now)
    play.now += FIRST_EJECTION_S
    assert set(play.picks(6)) == {ONE, TWO, THREE}


def test_a_burst_of_failures_ejects_once_however_late_its_last_one_ends() -> None:
    play = Play(ONE, TWO)
    for _ in range(4):
        play.balancer.started(ONE)
    assert play.balancer.ended(ONE, Outcome.FAILED, 0.1, play.now) == FIRST_EJECTION_S
    assert play.balancer.ended(ONE, Outcome.FAILED, 0.1, play.now) is None
    play.now += FIRST_EJECTION_S + 1.0
    assert play.balancer.ended(ONE, Outcome.FAILED, 1.2, play.now) is None
    assert play.send(ONE, Outcome.FAILED) == 2 * FIRST_EJECTION_S


def test_never_sets_aside_more_than_half() -> None:
    play = Play(ONE, TWO, THREE)
    assert play.send(ONE, Outcome.FAILED) is not None
    assert play.send(TWO, Outcome.FAILED) is None
    assert set(play.picks(6)) == {TWO, THREE}
    single = Play(ONE)
    assert single.send(ONE, Outcome.FAILED) is None
    assert single.pick() == ONE


def test_takes_back_the_first_to_return_when_instances_leave() -> None:
    play = Play(ONE, TWO, THREE, FOUR)
    play.send(ONE, Outcome.FAILED)
    play.now += 0.1
    play.send(TWO, Outcome.FAILED)
    play.use(ONE, TWO, THREE)
    assert [play.balancer.is_ejected(each, play.now) for each in (ONE, TWO)] == [False, True]


def test_errors_set_aside_only_in_a_row_and_only_where_others_do_better() -> None:
    play = Play(ONE, TWO)
    ends = [play.send(ONE, Outcome.ERROR) for _ in range(ERRORS_IN_A_ROW)]
    assert ends == [None] * (ERRORS_IN_A_ROW - 1) + [FIRST_EJECTION_S]
    alike = Play(ONE, TWO)
    for _ in range(40):
        assert alike.send(ONE, Outcome.ERROR) is None or alike.send(TWO, Outcome.ERROR) is None
        alike.send(TWO, Outcome.ERROR)
    assert not alike.balancer.is_ejected(ONE, alike.now)


def test_the_ejected_one_is_used_when_all_others_were_tried() -> None:
    play = Play(ONE, TWO)
    play.send(ONE, Outcome.FAILED)
    assert play.pick(TWO) == ONE
    assert play.pick(ONE, TWO) is None


def test_the_breaker_cuts_off_a_single_instance_and_lets_one_probe_through() -> None:
    play = Play(ONE)
    for _ in range(FAILURES_TO_OPEN):
        assert play.pick() == ONE
        play.send(ONE, Outcome.FAILED)
    assert play.pick() is Refusal.BUSY
    play.now += FIRST_OPEN_S
    assert play.pick() == ONE
    play.balancer.started(ONE)
    assert play.pick() is Refusal.BUSY
    assert play.balancer.ended(ONE, Outcome.OK, 0.0, play.now) is None
    assert play.pick() == ONE


def test_a_probe_that_is_given_up_lets_the_next_through() -> None:
    play = Play(ONE)
    for _ in range(FAILURES_TO_OPEN):
        play.send(ONE, Outcome.FAILED)
    play.now += FIRST_OPEN_S
    play.balancer.started(ONE)
    assert play.pick() is Refusal.BUSY
    play.balancer.ended(ONE, Outcome.CANCELLED, 99.0, play.now)
    assert play.pick() == ONE


def test_an_application_that_answers_500_is_not_cut_off() -> None:
    play = Play(ONE)
    for _ in range(10 * FAILURES_TO_OPEN):
        play.send(ONE, Outcome.ERROR)
    assert play.pick() == ONE


def test_an_address_out_of_reach_counts_against_all_behind_it() -> None:
    one, two, three = far(0), far(1), far(2, host="other")
    play = Play(one, two, three, near(3))
    play.send(one, Outcome.UNREACHABLE)
    ejected = [each for each in (one, two, three) if play.balancer.is_ejected(each, play.now)]
    assert ejected == [one, two]
    alone = Play(one, two, three, near(3))
    alone.send(one, Outcome.FAILED)
    assert not alone.balancer.is_ejected(two, alone.now)


def test_an_instance_at_its_limit_is_passed_over() -> None:
    play = Play(ONE, TWO, concurrency=2)
    for _ in range(4):
        endpoint = play.pick()
        assert isinstance(endpoint, Endpoint)
        play.balancer.started(endpoint)
    assert [play.balancer.in_flight(each) for each in (ONE, TWO)] == [2, 2]
    assert play.pick() is Refusal.BUSY
    play.balancer.ended(TWO, Outcome.CANCELLED, 0.1, play.now)
    assert play.pick() == TWO
    assert play.pick(TWO) is Refusal.BUSY
    assert play.pick(ONE, TWO) is None


def test_the_limit_is_shared_among_the_workers_of_a_router() -> None:
    balancer = Balancer(workers=4)
    balancer.configure([SlicePolicy(slice=BASE, concurrency=10)], (ONE,), 0.0)
    for _ in range(3):
        assert balancer.pick(Choice(BASE, (ONE,)), (), 0.0) == ONE
        balancer.started(ONE)
    assert balancer.pick(Choice(BASE, (ONE,)), (), 0.0) is Refusal.BUSY


def test_what_was_not_started_cannot_end() -> None:
    play = Play(ONE)
    with pytest.raises(RuntimeError, match="never started"):
        play.balancer.ended(ONE, Outcome.OK, 0.0, 0.0)
    with pytest.raises(RuntimeError, match="never in the table"):
        play.balancer.started(TWO)


def test_requests_end_at_an_instance_that_has_left_or_moved() -> None:
    play = Play(ONE, TWO)
    play.balancer.started(ONE)
    moved = replace(ONE, socket="/elsewhere")
    play.use(moved, TWO)
    assert play.balancer.in_flight(moved) == 0
    assert play.balancer.in_flight(ONE) == 1
    assert play.balancer.ended(ONE, Outcome.FAILED, 0.0, play.now) is None
    assert not play.balancer.is_ejected(moved, play.now)
    with pytest.raises(RuntimeError, match="never started"):
        play.balancer.ended(ONE, Outcome.OK, 0.0, play.now)
    play.use(TWO)
    with pytest.raises(RuntimeError, match="never in the table"):
        play.balancer.started(ONE)


def test_a_new_table_keeps_counts_and_ejections_of_what_stays() -> None:
    play = Play(ONE, TWO)
    play.balancer.started(ONE)
    play.send(TWO, Outcome.FAILED)
    play.use(replace(ONE, zone="z"), TWO, THREE)
    assert play.balancer.in_flight(ONE) == 1
    assert play.balancer.is_ejected(TWO, play.now)
    assert play.balancer.ended(ONE, Outcome.OK, 0.0, play.now) is None


def test_endpoints_that_left_the_table_are_passed_over() -> None:
    play = Play(ONE, TWO)
    old = play.choice
    play.use(TWO)
    assert play.balancer.pick(old, (), play.now) == TWO
    assert play.balancer.pick(old, {TWO.instance}, play.now) is None


def test_weights_hold_whatever_the_number_of_instances() -> None:
    old, new = [near(number) for number in range(3)], near(0, "2.0.0")
    weights = (VersionWeight(version="1.0.0", weight=99), VersionWeight(version="2.0.0", weight=1))
    counts = Play(*old, new, weights=weights).picks(1000)
    assert 9 <= counts[new] <= 11
    assert max(counts[each] for each in old) - min(counts[each] for each in old) <= 1


def test_weights_of_absent_versions_go_to_the_others_and_weight_0_gets_nothing() -> None:
    weights = (
        VersionWeight(version="1.0.0", weight=0),
        VersionWeight(version="2.0.0", weight=1),
        VersionWeight(version="3.0.0", weight=7),
    )
    old, new = near(0), near(0, "2.0.0")
    play = Play(old, new, weights=weights)
    assert set(play.picks(20)) == {new}
    assert play.pick(new) is None
    play.use(old)
    assert play.pick() == old


def test_a_version_whose_instances_are_set_aside_leaves_its_weight_to_the_others() -> None:
    weights = (VersionWeight(version="1.0.0", weight=1), VersionWeight(version="2.0.0", weight=9))
    old, new = near(0), near(0, "2.0.0")
    play = Play(old, new, weights=weights)
    play.send(new, Outcome.FAILED)
    assert set(play.picks(20)) == {old}
    play.now += FIRST_EJECTION_S
    assert 17 <= play.picks(20)[new] <= 19


def test_a_rule_s_version_wins_over_the_weights_while_it_has_instances() -> None:
    weights = (VersionWeight(version="1.0.0", weight=1), VersionWeight(version="2.0.0", weight=0))
    rules = (SplitRule(version="2.0.0", header="x-beta", value="yes"),)
    old, new = near(0), near(0, "2.0.0")
    play = Play(old, new, weights=weights, rules=rules)
    assert play.pick() == old
    assert play.pick(version="2.0.0") == new
    assert play.pick(new, version="2.0.0") == old
    play.use(old)
    assert play.pick(version="2.0.0") == old


def test_least_pending_prefers_the_idle() -> None:
    play = Play(ONE, TWO, balance="least_pending")
    play.balancer.started(ONE)
    assert set(play.picks(20)) == {TWO}


def test_random_reaches_everyone() -> None:
    play = Play(ONE, TWO, THREE, balance="random")
    assert set(play.picks(100)) == {ONE, TWO, THREE}


def test_the_nearest_comes_first_until_it_has_much_more_to_do() -> None:
    here, beside, away = near(0), far(1, zone="a"), far(2, zone="b")
    play = Play(away, beside, here, zone="a")
    assert set(play.picks(20)) == {here}
    for _ in range(HOP_WORTH):
        play.balancer.started(here)
    assert set(play.picks(20)) == {beside}
    assert play.pick(here, beside) == away
    play.use(away, beside)
    assert set(play.picks(20)) == {beside}


def test_equal_keys_stay_at_one_instance() -> None:
    play = Play(ONE, TWO, THREE, affinity="header:x-session")
    homes = {key: play.pick(key=key) for key in (b"%d" % number for number in range(50))}
    assert set(homes.values()) == {ONE, TWO, THREE}
    assert {key: play.pick(key=key) for key in homes} == homes
    play.send(ONE, Outcome.FAILED)
    for key, home in homes.items():
        assert play.pick(key=key) == home if home != ONE else play.pick(key=key) != ONE


def test_a_sticky_client_stays_with_one_version() -> None:
    weights = (VersionWeight(version="1.0.0", weight=1), VersionWeight(version="2.0.0", weight=1))
    play = Play(ONE, TWO, near(0, "2.0.0"), near(1, "2.0.0"), weights=weights)
    seen = {
        number: {
            each.instance.version
            for each in play.picks(8, sticky=b"%d" % number)
            if isinstance(each, Endpoint)
        }
        for number in range(40)
    }
    assert all(len(versions) == 1 for versions in seen.values())
    assert {version for versions in seen.values() for version in versions} == {"1.0.0", "2.0.0"}


def test_another_router_s_choice_is_kept_whatever_the_weights() -> None:
    weights = (VersionWeight(version="1.0.0", weight=1), VersionWeight(version="2.0.0", weight=0))
    new = near(0, "2.0.0")
    play = Play(ONE, new, weights=weights, concurrency=1)
    assert play.pick(endpoints=(new,)) == new
    play.balancer.started(new)
    assert play.pick(endpoints=(new,)) is Refusal.BUSY
    assert play.pick(new, endpoints=(new,)) is None
    assert play.pick(endpoints=(TWO,)) is None


def test_a_new_instance_is_eased_in_but_not_at_the_router_s_own_start() -> None:
    play = Play(ONE, slow_start_s=10.0)
    assert play.picks(10) == {ONE: 10}
    play.use(ONE, TWO)
    assert 8 <= play.picks(110)[TWO] <= 12
    play.now += 5.0
    assert 33 <= play.picks(100)[TWO] <= 38
    play.now += 5.0
    assert play.picks(100)[TWO] == 50
