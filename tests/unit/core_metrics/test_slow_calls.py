import msgspec
import pytest

from aether.core.metrics.slow_calls import LEARNED_CALLS, SlowRule, Usual, slow_after_s

ROUTE = "GET /orders/{id} shop:orders"


def usual(mean_s: float, calls: int = 1000) -> Usual:
    made = Usual()
    made.learn(calls, calls * mean_s)
    return made


def test_the_fixed_time_is_for_all() -> None:
    rule = SlowRule(strategy="fixed", fixed_s=0.25)
    assert slow_after_s(rule, ROUTE, usual(9.0)) == 0.25
    assert slow_after_s(rule, ROUTE, Usual()) == 0.25


def test_a_method_has_the_time_given_nearest_to_it() -> None:
    times = {ROUTE: 0.1, "GET /orders/{id}": 0.2, "shop:orders": 0.3}
    for name in list(times):
        rule = SlowRule(strategy="per_method", methods=times, fixed_s=7.0)
        assert slow_after_s(rule, ROUTE, Usual()) == times.pop(name)
    assert slow_after_s(SlowRule(strategy="per_method", fixed_s=7.0), ROUTE, Usual()) == 7.0


def test_what_is_usual_is_learned_first() -> None:
    rule = SlowRule(times=3.0, least_s=0.01, most_s=1.0)
    assert slow_after_s(rule, ROUTE, usual(0.02, LEARNED_CALLS - 1)) == 1.0
    assert slow_after_s(rule, ROUTE, usual(0.02, LEARNED_CALLS)) == pytest.approx(0.06)
    assert slow_after_s(rule, ROUTE, usual(0.0001)) == 0.01
    assert slow_after_s(rule, ROUTE, usual(5.0)) == 1.0


def test_the_usual_follows_what_happens_a_tenth_a_call() -> None:
    one = usual(0.1)
    one.learn(1, 0.2)
    assert one.mean_s == pytest.approx(0.11)
    one.learn(1000, 200.0)
    assert one.mean_s == pytest.approx(0.2)
    one.learn(0, 0.0)
    assert one.mean_s == pytest.approx(0.2)


def test_a_rule_that_is_none_is_refused() -> None:
    for plain in ({"strategy": "magic"}, {"fixed_s": 0}, {"times": 0.5}, {"methods": {"a": -1}}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(plain, SlowRule)
