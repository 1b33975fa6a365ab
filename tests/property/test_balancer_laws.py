"""Laws of the balancer: weights hold, limits hold, counts come back to nothing."""

from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.dataplane.balance import Balancer, Choice, Outcome, Refusal
from aether.core.dataplane.ejection import LONGEST_EJECTION_S, most_ejected
from aether.core.dataplane.rows import BALANCES, Endpoint, SlicePolicy
from aether.core.dataplane.weights import parts_of
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.traffic import SplitRule, VersionWeight

BASE = SliceBase("a:b")
VERSIONS = ("1.0.0", "2.0.0", "3.0.0")
REQUESTS = 10_000
TWO_POINTS = REQUESTS // 50


def endpoint(version: str, number: int, place: int = 0) -> Endpoint:
    """`place`: 0 on this node, 1 in its zone, 2 elsewhere."""
    return Endpoint(
        instance=InstanceId(f"{BASE}:{version}/{number}"),
        slice=BASE,
        node=NodeId(f"n{place}"),
        socket="" if place else f"/{version}/{number}",
        mesh=f"n{place}:8092" if place else "",
        zone="a" if place < 2 else "b",
    )


endpoints = st.lists(
    st.builds(endpoint, st.sampled_from(VERSIONS), st.integers(0, 4), st.integers(0, 2)),
    min_size=1,
    max_size=10,
    unique_by=lambda each: each.instance,
).map(tuple)
weights = st.fixed_dictionaries(
    {name: st.one_of(st.integers(0, 5), st.integers(0, 1000)) for name in VERSIONS}
).map(lambda of: tuple(VersionWeight(version=name, weight=of[name]) for name in of))
policies = st.builds(
    SlicePolicy,
    slice=st.just(BASE),
    balance=st.sampled_from(BALANCES),
    weights=st.one_of(st.just(()), weights),
    rules=st.sampled_from([(), (SplitRule(version="2.0.0", header="x", value="y"),)]),
    concurrency=st.sampled_from([0, 0, 1, 3]),
    slow_start_s=st.sampled_from([0.0, 2.0]),
)
tables = st.lists(st.tuples(endpoints, weights), min_size=1, max_size=12)


def versions_of(of: tuple[Endpoint, ...]) -> Counter[str]:
    return Counter(each.instance.version for each in of)


@given(
    tables,
    st.sampled_from(BALANCES),
    st.lists(st.integers(1, 900), min_size=1, max_size=20),
    st.integers(0, 2**32),
)
@settings(max_examples=25, deadline=None)
def test_weights_hold_within_two_points_while_instances_and_weights_come_and_go(
    changes: list[tuple[tuple[Endpoint, ...], tuple[VersionWeight, ...]]],
    balance: str,
    stretches: list[int],
    seed: int,
) -> None:
    balancer = Balancer(seed=seed, zone="a")
    ahead: Counter[str] = Counter()
    made, turn = 0, 0
    while made < REQUESTS:
        present, of = changes[turn % len(changes)]
        policy = SlicePolicy(slice=BASE, balance=balance, weights=of, slow_start_s=1.0)
        balancer.configure([policy], present, now=turn / 10)
        choice, parts = Choice(BASE, present), parts_of(of, versions_of(present))
        stretch = min(stretches[turn % len(stretches)], REQUESTS - made)
        for _ in range(stretch):
            picked = balancer.pick(choice, (), turn / 10)
            assert isinstance(picked, Endpoint)
            if "" not in parts:
                ahead[picked.instance.version] += 1
        if "" not in parts:
            for version, part in parts.items():
                ahead[version] -= part * stretch  # type: ignore[assignment] # parts of requests
        made += stretch
        turn += 1
        # far below the two points that are promised: what is ahead is never more than a few
        assert all(abs(each) <= 2 + turn**0.5 for each in ahead.values())
    assert all(abs(each) <= TWO_POINTS for each in ahead.values())


@given(endpoints, policies, st.integers(0, 100))
def test_turns_of_one_version_are_even(
    present: tuple[Endpoint, ...], policy: SlicePolicy, seed: int
) -> None:
    policy = replace(policy, balance="round_robin", weights=(), concurrency=0)
    near = tuple(replace(each, socket="/s", mesh="") for each in present)
    balancer = Balancer(seed=seed)
    balancer.configure([policy], near, 0.0)
    counts = Counter(balancer.pick(Choice(BASE, near), (), 0.0) for _ in range(53))
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len(counts) == min(53, len(near))


@dataclass
class Life:
    """A balancer and what a careful caller knows of it."""

    balancer: Balancer
    policy: SlicePolicy
    present: tuple[Endpoint, ...]
    now: float = 0.0
    under_way: list[tuple[Endpoint, float]] = field(default_factory=list)

    def use(self, present: tuple[Endpoint, ...]) -> None:
        self.present = present
        self.balancer.configure([self.policy], present, self.now)

    def send(self, tried: frozenset[InstanceId], key: bytes, version: str) -> None:
        choice = Choice(BASE, self.present, key=key, version=version)
        picked = self.balancer.pick(choice, tried, self.now)
        eligible = self.eligible(tried, version)
        if picked is None:
            assert not eligible
        elif isinstance(picked, Endpoint):
            assert picked in self.present
            assert picked.instance not in tried
            assert picked in eligible
            limit = self.policy.concurrency
            assert not limit or self.balancer.in_flight(picked) < limit
            self.balancer.started(picked)
            self.under_way.append((picked, self.now))
        else:
            assert eligible

    def eligible(self, tried: frozenset[InstanceId], version: str) -> list[Endpoint]:
        """Whom weights and the rule's version allow, tried ones left out."""
        parts = parts_of(self.policy.weights, versions_of(self.present))
        names = {rule.version for rule in self.policy.rules}
        return [
            each
            for each in self.present
            if each.instance not in tried
            and ("" in parts or each.instance.version in parts or each.instance.version in names)
        ]

    def end(self, which: int, outcome: Outcome) -> None:
        if self.under_way:
            picked, began = self.under_way.pop(which % len(self.under_way))
            seconds = self.balancer.ended(picked, outcome, self.now - began, self.now)
            assert seconds is None or 0.0 < seconds <= LONGEST_EJECTION_S

    def check(self) -> None:
        ejected = [each for each in self.present if self.balancer.is_ejected(each, self.now)]
        assert len(ejected) <= most_ejected(len(self.present))
        counted = Counter(each for each, _ in self.under_way)
        for each in self.present:
            same = [count for one, count in counted.items() if one == each]
            assert self.balancer.in_flight(each) == sum(same)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from([b"", b"", b"k1", b"k2"]), st.booleans()),
        st.tuples(st.just("end"), st.integers(0, 20), st.sampled_from(list(Outcome))),
        st.tuples(st.just("fail"), st.integers(0, 20), st.just(Outcome.FAILED)),
        st.tuples(st.just("wait"), st.floats(0, 3), st.none()),
        st.tuples(st.just("table"), endpoints, st.none()),
    ),
    max_size=60,
)


def live(of: list[tuple[str, object, object]], life: Life) -> Life:
    life.use(life.present)
    for what, one, other in of:
        if what == "send":
            assert isinstance(one, bytes)
            tried = frozenset(each.instance for each in life.present[: len(life.under_way) % 3])
            life.send(tried if other else frozenset(), one, "2.0.0" if other else "")
        elif what in ("end", "fail"):
            assert isinstance(one, int)
            assert isinstance(other, Outcome)
            life.end(one, other)
        elif what == "wait":
            assert isinstance(one, float)
            life.now += one
        else:
            assert isinstance(one, tuple)
            life.use(one)
        life.check()
    return life


@given(steps, policies, endpoints, st.integers(0, 9))
@settings(deadline=None)
def test_a_life_keeps_limits_shares_and_the_half_that_stays(
    of: list[tuple[str, object, object]],
    policy: SlicePolicy,
    present: tuple[Endpoint, ...],
    seed: int,
) -> None:
    life = live(of, Life(Balancer(seed=seed, zone="a"), policy, present))
    while life.under_way:
        life.end(0, Outcome.CANCELLED)
        life.check()
    assert all(life.balancer.in_flight(each) == 0 for each in life.present)


@given(steps, policies, endpoints, st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_after_any_life_all_instances_serve_again(
    of: list[tuple[str, object, object]],
    policy: SlicePolicy,
    present: tuple[Endpoint, ...],
    seed: int,
) -> None:
    """Once everything answers, nobody with a share is left out for ever."""
    life = live(of, Life(Balancer(seed=seed, zone="a"), policy, present))
    while life.under_way:
        life.end(0, Outcome.CANCELLED)
    served: set[Endpoint] = set()
    wanted = {each.instance for each in life.eligible(frozenset(), "")}
    for _ in range(30):
        life.now += LONGEST_EJECTION_S
        for each in life.present:
            alone = Choice(BASE, (each,)) if len(life.present) > 1 else Choice(BASE, life.present)
            picked = life.balancer.pick(alone, (), life.now)
            if isinstance(picked, Endpoint):
                life.balancer.started(picked)
                life.balancer.ended(picked, Outcome.OK, 0.0, life.now)
                served.add(picked)
    assert wanted <= {each.instance for each in served}


@given(steps, policies, endpoints, st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_equal_calls_give_equal_picks(
    of: list[tuple[str, object, object]],
    policy: SlicePolicy,
    present: tuple[Endpoint, ...],
    seed: int,
) -> None:
    lives = [live(of, Life(Balancer(seed=seed), policy, present)) for _ in range(2)]
    assert lives[0].under_way == lives[1].under_way


@given(endpoints, st.sampled_from(BALANCES), st.integers(1, 4))
@settings(deadline=None)
def test_a_slice_is_busy_exactly_when_every_instance_is_at_its_limit(
    present: tuple[Endpoint, ...], balance: str, limit: int
) -> None:
    balancer, choice = Balancer(zone="a"), Choice(BASE, present)
    policy = SlicePolicy(slice=BASE, balance=balance, concurrency=limit)
    balancer.configure([policy], present, 0.0)
    for _ in range(limit * len(present)):
        picked = balancer.pick(choice, (), 0.0)
        assert isinstance(picked, Endpoint)
        balancer.started(picked)
    assert balancer.pick(choice, (), 0.0) is Refusal.BUSY
    assert {balancer.in_flight(each) for each in present} == {limit}
    balancer.ended(present[0], Outcome.OK, 0.0, 0.0)
    assert balancer.pick(choice, (), 0.0) == present[0]
