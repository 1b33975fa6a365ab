"""Ejection and turns, by example; the laws are in tests/property/test_routing_laws.py."""

from aether.core.dataplane.balance import FIRST_EJECTION_S, LONGEST_EJECTION_S, Balancer
from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import InstanceId, NodeId, SliceBase

BASE = SliceBase("a:b")
ONE, TWO, THREE = (
    Endpoint(
        instance=InstanceId(f"a:b:1.0.0/{number}"),
        slice=BASE,
        node=NodeId("n"),
        socket=f"/{number}",
    )
    for number in range(3)
)


def test_takes_turns_per_slice() -> None:
    balancer, other = Balancer(), SliceBase("a:c")
    assert [balancer.pick(BASE, (ONE, TWO), (), 0.0) for _ in range(3)] == [ONE, TWO, ONE]
    assert balancer.pick(other, (ONE, TWO), (), 0.0) == ONE


def test_passes_over_one_that_failed_until_its_time_is_over() -> None:
    balancer = Balancer()
    assert balancer.failed(ONE.address, 10.0) == FIRST_EJECTION_S
    during = {balancer.pick(BASE, (ONE, TWO, THREE), (), 10.1) for _ in range(6)}
    assert during == {TWO, THREE}
    after = {balancer.pick(BASE, (ONE, TWO, THREE), (), 10.0 + FIRST_EJECTION_S) for _ in range(6)}
    assert after == {ONE, TWO, THREE}


def test_a_burst_of_failures_counts_once_and_the_next_doubles() -> None:
    balancer, now = Balancer(), 0.0
    seconds = []
    for _ in range(7):
        ejected = balancer.failed("/a", now)
        assert ejected is not None
        assert balancer.failed("/a", now) is None
        seconds.append(ejected)
        now += ejected
    assert seconds == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert max(seconds) == LONGEST_EJECTION_S


def test_one_answer_restores_trust() -> None:
    balancer = Balancer()
    balancer.failed("/a", 0.0)
    balancer.succeeded("/a")
    assert not balancer.is_ejected("/a", 0.0)
    assert balancer.failed("/a", 0.0) == FIRST_EJECTION_S


def test_uses_the_ejected_when_nothing_else_is_left() -> None:
    balancer = Balancer()
    balancer.failed(ONE.address, 0.0)
    balancer.failed(TWO.address, 0.0)
    assert balancer.pick(BASE, (ONE, TWO), {ONE.instance}, 0.0) == TWO
    assert balancer.pick(BASE, (ONE, TWO), {ONE.instance, TWO.instance}, 0.0) is None
    assert balancer.pick(BASE, (), (), 0.0) is None


def test_forgets_what_left_the_table() -> None:
    balancer = Balancer()
    balancer.pick(BASE, (ONE, TWO), (), 0.0)
    balancer.failed(ONE.address, 0.0)
    balancer.failed(TWO.address, 0.0)
    balancer.retain([TWO])
    assert not balancer.is_ejected(ONE.address, 0.0)
    assert balancer.is_ejected(TWO.address, 0.0)
