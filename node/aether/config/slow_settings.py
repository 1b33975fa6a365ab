"""Settings of slow calls, changed while the cluster runs, and the rule they make."""

from collections.abc import Callable
from typing import Any

from aether.core.control.overrides import Pair, Setting
from aether.core.metrics.slow_calls import STRATEGIES, SlowRule

PREFIX = "invocations."
_RULE = SlowRule()
_LEAST_S, _MOST_S = 0.001, 3600.0


def _seconds(name: str, default: float, meaning: str) -> Setting:
    return Setting(
        name=f"{PREFIX}{name}",
        kind="seconds",
        scopes=("cluster",),
        default=default,
        low=_LEAST_S,
        high=_MOST_S,
        unit="s",
        meaning=meaning,
    )


SLOW: tuple[Setting, ...] = (
    Setting(
        name=f"{PREFIX}slow_strategy", kind="choice", scopes=("cluster",), choices=STRATEGIES,
        default=_RULE.strategy,
        meaning="how slow calls are told: by what is usual, by one time for all, or by times of their own",
    ),
    _seconds("slow_fixed_s", _RULE.fixed_s, "`fixed`, and `per_method` where no time is given: slow from here on"),
    Setting(
        name=f"{PREFIX}slow_times", kind="number", scopes=("cluster",), low=1, high=1000,
        default=_RULE.times, meaning="`adaptive`: how many times as long as usual a slow call takes",
    ),
    _seconds("slow_least_s", _RULE.least_s, "`adaptive`: no call that takes less is slow"),
    _seconds("slow_most_s", _RULE.most_s, "`adaptive`: every call that takes longer is slow"),
    Setting(
        name=f"{PREFIX}slow_methods", kind="table", scopes=("cluster",), default={}, unit="s",
        low=_LEAST_S, high=_MOST_S,
        meaning="`per_method`: times by `GET /path`, `call group:name` or `group:name`",
    ),
)  # fmt: skip

SLOW_BOUNDS = Pair(
    lesser=f"{PREFIX}slow_least_s",
    greater=f"{PREFIX}slow_most_s",
    may_equal=True,
    why="a bound from below is no higher than one from above",
)


def slow_rule(value_of: Callable[[str], Any]) -> SlowRule:
    """Return the rule in force; `value_of` returns a setting's value by its name."""
    return SlowRule(
        strategy=value_of(f"{PREFIX}slow_strategy"),
        fixed_s=float(value_of(f"{PREFIX}slow_fixed_s")),
        times=float(value_of(f"{PREFIX}slow_times")),
        least_s=float(value_of(f"{PREFIX}slow_least_s")),
        most_s=float(value_of(f"{PREFIX}slow_most_s")),
        methods=dict(value_of(f"{PREFIX}slow_methods")),
    )
