"""What a slice works out when its table or the health of its instances changes."""

from math import inf

from aether.core.dataplane.breaker import FAILURES_TO_OPEN
from aether.core.dataplane.draws import Draws
from aether.core.dataplane.members import WARM, Member
from aether.core.dataplane.rows import Endpoint, SlicePolicy
from aether.core.dataplane.slice_balance import NO_LIMIT, Choice, Refusal, SliceBalance
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.traffic import VersionWeight

BASE = SliceBase("a:b")
PLAIN = SlicePolicy(slice=BASE)


def member(number: int, version: str = "1.0.0", since: float = WARM) -> Member:
    endpoint = Endpoint(
        instance=InstanceId(f"a:b:{version}/{number}"),
        slice=BASE,
        node=NodeId("n"),
        socket=f"/{version}/{number}",
    )
    return Member(endpoint, since)


def slice_of(*members: Member, policy: SlicePolicy = PLAIN) -> SliceBalance:
    made = SliceBalance(policy, Draws(1))
    made.configure(policy, "", members, 0.0)
    return made


def test_plain_turns_are_recognised() -> None:
    one, two = member(0), member(1)
    made = slice_of(one, two)
    assert made.only is not None
    assert made.only.members == (one, two)
    assert (made.limit, made.recheck_at) == (NO_LIMIT, inf)
    assert slice_of(one, policy=SlicePolicy(slice=BASE, balance="random")).only is None


def test_it_looks_again_when_something_ends_by_itself() -> None:
    one, two = member(0), member(1, since=1.0)
    made = slice_of(one, two, policy=SlicePolicy(slice=BASE, slow_start_s=7.0))
    assert made.recheck_at == 8.0
    until = 2.0 + one.record.eject(2.0)
    made.refresh(2.0)
    assert made.recheck_at == until
    assert not one.is_fit
    made.refresh(until)
    assert one.is_fit
    assert made.recheck_at == 8.0
    made.refresh(8.0)
    assert made.recheck_at == inf
    assert made.only is not None


def test_all_endpoints_are_known_by_value_and_then_by_identity() -> None:
    one, two = member(0), member(1)
    made = slice_of(one, two)
    same = (one.endpoint, two.endpoint)
    assert made.has_endpoints(same)
    assert made.endpoints is same
    assert not made.has_endpoints(same[:1])


def test_it_says_whether_a_table_says_the_same() -> None:
    one = member(0)
    made = slice_of(one)
    assert made.is_as_before(PLAIN, "", (one.endpoint,))
    assert not made.is_as_before(PLAIN, "z", (one.endpoint,))
    assert not made.is_as_before(PLAIN, "", ())
    assert made.has(one)
    assert not made.has(member(0))


def test_one_without_a_part_is_nobody_to_wait_for() -> None:
    weights = (VersionWeight(version="1.0.0", weight=1),)
    one, other = member(0), member(0, "2.0.0")
    made = slice_of(one, other, policy=SlicePolicy(slice=BASE, weights=weights))
    choice = Choice(BASE, made.endpoints)
    assert made.search(choice, {one.instance}, 0.0, among_all=True) is None
    for _ in range(FAILURES_TO_OPEN):
        one.breaker.failed(0.0, 0.0)
    made.refresh(0.0)
    assert made.search(choice, (), 0.0, among_all=True) is Refusal.BUSY


def test_a_part_of_the_endpoints_is_all_that_is_searched() -> None:
    members = [member(number) for number in range(4)]
    made = slice_of(*members)
    choice = Choice(BASE, (members[1].endpoint, members[3].endpoint))
    found = {made.search(choice, (), 0.0, among_all=False) for _ in range(8)}
    assert found == set(choice.endpoints)
    assert (
        made.search(choice, {each.instance for each in members[1:]}, 0.0, among_all=False) is None
    )
