"""The decision tree: which rule wins, and its decision made again."""

from dataclasses import replace

import msgspec
import pytest

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.decision import RULES, decide, decision_on, replay
from aether.core.scaling.plans import Planned
from aether.core.scaling.question import Ahead, Question
from tests.scaling_seconds import FIXED, WIDE

ASKED = Question(
    target=10,
    ready=10,
    starting=0,
    bounds=WIDE,
    settings=FIXED,
    demand=750.0,
    capacity=100.0,
    held_need=10,
    recent_need=10,
    since_change_s=1000.0,
    watched_s=1000.0,
)
CALM = {"demand": 300.0, "held_need": 4, "recent_need": 4}
PLAN = CALM | {"target": 8, "ready": 8, "since_change_s": 100.0}
SLOW = {"settings": replace(FIXED, latency_most_s=0.5), "p95_s": 0.9, "since_change_s": 100.0}


@pytest.mark.parametrize(
    ("changes", "ruling"),
    [
        ({}, (10, "steady")),
        ({"demand": 900.0}, (12, "load")),
        ({"demand": 9000.0}, (40, "load")),  # at most four times as many at once
        ({"demand": 900.0, "bounds": Bounds(1, 11, 50)}, (11, "load")),
        ({"demand": 900.0, "bounds": Bounds(1, 10, 50)}, (10, "limit")),
        ({"demand": 900.0, "bounds": Bounds(1, 50, 7)}, (10, "limit")),
        ({"demand": 9000.0, "bounds": Bounds(1, 50, 50, "a roll-out runs")}, (10, "held")),
        ({"bounds": Bounds(12, 50, 50)}, (12, "minimum")),
        ({"bounds": Bounds(1, 8, 50)}, (8, "maximum")),
        ({"demand": None}, (10, "blind")),
        ({"capacity": None}, (10, "blind")),
        (CALM, (4, "release")),
        (CALM | {"held_need": 9, "since_change_s": 100.0}, (10, "steady")),
        (CALM | {"since_change_s": 10.0}, (10, "pause")),
        (CALM | {"watched_s": 10.0}, (10, "new")),
        (CALM | {"errors": 0.5}, (10, "failing")),
        ({"ahead": Ahead(state="good", soon=1600.0, later=1600.0)}, (20, "forecast")),
        ({"ahead": Ahead(state="untrusted", soon=1600.0, later=1600.0)}, (10, "steady")),
        (CALM | {"ahead": Ahead(state="good", soon=300.0, later=560.0)}, (7, "release")),
        ({"planned": Planned(rate=1250.0, headroom=1.5, span_s=60.0)}, (13, "headroom")),
        ({"planned": Planned(rate=1250.0, headroom=1.5, quantile="p90")}, (13, "forecast")),
        (CALM | {"planned": Planned(rate=640.0, headroom=1.5, span_s=60.0)}, (7, "release")),
        # 3 % more, and what is given up would have to come back; after a long calm it may go.
        (PLAN | {"planned": Planned(rate=695.0, headroom=1.5, span_s=60.0)}, (8, "steady")),
        (PLAN | {"planned": Planned(rate=670.0, headroom=1.5, span_s=60.0)}, (7, "release")),
        (
            PLAN
            | {
                "planned": Planned(rate=695.0, headroom=1.5, span_s=60.0),
                "since_change_s": 900.0,
            },
            (7, "release"),
        ),
        (CALM | SLOW, (12, "slow")),
        (CALM | SLOW | {"starting": 1}, (10, "slow")),
        (CALM | SLOW | {"since_change_s": 5.0}, (10, "slow")),
        (CALM | SLOW | {"busy": 0.1}, (4, "release")),
        (CALM | SLOW | {"errors": 0.5}, (10, "failing")),
        (CALM | {"held_need": 9, "since_change_s": 900.0}, (9, "release")),
    ],
)
def test_rules_in_their_order(changes: dict[str, object], ruling: tuple[int, str]) -> None:
    asked = msgspec.structs.replace(ASKED, **changes)
    assert decide(asked) == ruling
    decision = decision_on(asked)
    assert replay(decision.inputs) == decision.inputs["decision"] == f"{ruling[0]} {ruling[1]}"
    assert decision.rule in RULES


def test_kinds_follow_from_what_is_wanted() -> None:
    more = msgspec.structs.replace(ASKED, demand=900.0)
    fewer = msgspec.structs.replace(ASKED, **CALM)
    kinds = [decision_on(asked).kind for asked in (ASKED, more, fewer)]
    assert kinds == ["hold", "up", "down"]


def test_foreign_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="no scaling question"):
        replay({"decision": "4 load", "target": "many"})
    with pytest.raises(ValueError, match="no scaling question"):
        replay({"target": "{"})
