"""What stands against giving anything up."""

import pytest
from msgspec.structs import replace

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.decision import decide
from aether.core.scaling.keeping import is_blind, watch_s, why_kept
from aether.core.scaling.plans import Planned
from tests.unit.core_scaling.test_decision import ASKED, CALM

FREE = replace(ASKED, **CALM)
LONG = Planned(rate=100.0, headroom=1.3, span_s=1200.0)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, ""),
        ({"demand": None}, "blind"),
        ({"capacity": None, "busy": None}, "blind"),
        ({"capacity": None, "busy": 0.2}, ""),
        ({"bounds": Bounds(1, 50, 50, keep="an instance fails to start")}, "kept"),
        ({"errors": 0.2}, "failing"),
        ({"watched_s": 299.0}, "new"),
        ({"watched_s": 1100.0, "planned": LONG}, "new"),
        ({"watched_s": 1200.0, "planned": LONG}, ""),
    ],
)
def test_what_keeps_instances(changes: dict[str, object], rule: str) -> None:
    asked = replace(FREE, **changes)
    assert why_kept(asked) == rule
    wanted, decided = decide(asked)
    assert (wanted < asked.target) == (not rule)
    assert not rule or decided == rule


def test_growth_is_never_kept_back() -> None:
    short = Bounds(1, 50, 50, keep="an instance fails to start")
    assert decide(replace(FREE, demand=2000.0, bounds=short)) == (27, "load")


def test_the_watch_covers_the_hold_and_the_span_of_the_plan() -> None:
    assert watch_s(FREE) == 300.0
    assert watch_s(replace(FREE, planned=LONG)) == 1200.0
    assert not is_blind(FREE)
