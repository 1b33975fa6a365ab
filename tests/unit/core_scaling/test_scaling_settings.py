"""Settings: the defaults make sense, and contradictions are named."""

from dataclasses import replace

import pytest

from aether.core.scaling.settings import DEFAULTS


def test_defaults_have_no_problems() -> None:
    assert list(DEFAULTS.problems()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"target_utilisation": 1.4}, "target_utilisation = 1.4"),
        ({"target_utilisation": 0.97}, "must stay below 1"),
        ({"most_utilisation": 0.0}, "most_utilisation"),
        ({"hold_s": 0.0}, "hold_s = 0.0"),
        ({"slow_s": 5.0}, "must not be below fast_s"),
        ({"most_factor": 1.0}, "most_factor = 1.0"),
        ({"thrift": 0.0}, "thrift = 0.0"),
        ({"memory_minutes": 0.0}, "memory_minutes"),
    ],
)
def test_contradictions_are_named(change: dict[str, float], told: str) -> None:
    problems = list(replace(DEFAULTS, **change).problems())  # type: ignore[arg-type] # fields by name
    assert any(told in problem for problem in problems)
