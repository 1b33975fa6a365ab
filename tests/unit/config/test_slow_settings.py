from aether.config.runtime_settings import SETTINGS, Effective
from aether.config.slow_settings import SLOW, SLOW_BOUNDS
from aether.core.metrics.slow_calls import SlowRule
from aether.core.model.records import ConfigRecord
from tests.worlds import node_record

RECORD = node_record("n1")


def test_the_defaults_are_those_of_the_rule() -> None:
    assert Effective(RECORD).slow_rule({}) == SlowRule()
    assert all(SETTINGS[setting.name] is setting for setting in SLOW)


def test_what_is_set_for_the_cluster_makes_the_rule() -> None:
    values = {
        "slow_strategy": "per_method",
        "slow_fixed_s": 2,
        "slow_times": 5.5,
        "slow_least_s": 0.5,
        "slow_most_s": 4.0,
        "slow_methods": {"GET /x": 0.25},
    }
    overrides = {
        ("cluster", f"invocations.{name}"): ConfigRecord(value=value)
        for name, value in values.items()
    }
    assert Effective(RECORD).slow_rule(overrides) == SlowRule(
        strategy="per_method", fixed_s=2.0, times=5.5, least_s=0.5, most_s=4.0,
        methods={"GET /x": 0.25},
    )  # fmt: skip


def test_bounds_that_contradict_each_other_make_a_rule_all_the_same() -> None:
    rule = Effective(RECORD).slow_rule({("cluster", SLOW_BOUNDS.lesser): ConfigRecord(value=100.0)})
    assert rule.least_s <= rule.most_s


def test_times_of_methods_are_checked_one_by_one() -> None:
    setting = SETTINGS["invocations.slow_methods"]
    assert not setting.problem({"GET /x": 1, "g.x:a": 0.5})
    for wrong in ({"a": -1}, {"a": "1s"}, {"a": True}, [1], {str(n): 1 for n in range(300)}):
        assert "an object of at most 256 names" in setting.problem(wrong)
