"""How many instances a load needs."""

import msgspec
import pytest

from aether.core.scaling.need import foreseen, instances_for, needed, planned, reactive, soon
from aether.core.scaling.plans import Planned
from aether.core.scaling.question import Ahead, Question
from aether.core.scaling.settings import DEFAULTS
from tests.scaling_seconds import FIXED, WIDE

ASKED = Question(
    target=4, ready=4, starting=0, bounds=WIDE, settings=FIXED, demand=300.0, capacity=100.0
)


def asked(**changes: object) -> Question:
    return msgspec.structs.replace(ASKED, **changes)


@pytest.mark.parametrize(
    ("demand", "need"), [(0.0, 0), (1.0, 1), (300.0, 4), (315.0, 4), (317.0, 5), (600.0, 8)]
)
def test_need_by_rate_with_a_dead_band(demand: float, need: int) -> None:
    assert reactive(asked(demand=demand)) == need


def test_need_by_use_where_capacity_is_unknown() -> None:
    assert reactive(asked(capacity=None, busy=0.9)) == 5
    assert reactive(asked(capacity=None, busy=0.78)) == 4


def test_saturated_instances_need_more_whatever_the_rate_says() -> None:
    assert reactive(asked(demand=100.0, busy=1.0)) == 6
    assert reactive(asked(demand=100.0, busy=0.9)) == 2


def test_where_requests_fail_only_answered_ones_are_load() -> None:
    assert reactive(asked(demand=600.0, errors=0.5)) == 4
    assert reactive(asked(demand=600.0, errors=0.05)) == 8
    assert reactive(asked(demand=100.0, errors=0.9, busy=1.0)) == 1


def test_rounding_does_not_add_an_instance() -> None:
    assert instances_for(600.0, 100.0, 0.75) == 8
    assert instances_for(600.1, 100.0, 0.75) == 9


def test_forecasts_need_a_known_capacity_and_their_own_use() -> None:
    assert foreseen(800.0, asked()) == 10
    assert foreseen(800.0, asked(capacity=None)) == 0


def test_a_plan_wants_its_rate_and_leaves_the_headroom_to_itself() -> None:
    plan = Planned(rate=701.0, headroom=1.3, span_s=300.0)
    learnt = asked(planned=plan, settings=DEFAULTS)
    assert planned(learnt) == 8
    assert reactive(learnt) == 4  # 300 / 100 / 0.88
    assert planned(asked(planned=plan, errors=0.5)) == 0
    assert needed(learnt) == 8


def test_forecasts_count_where_they_may_and_nothing_fails() -> None:
    ahead = Ahead(state="good", soon=800.0)
    assert soon(asked(ahead=ahead)) == 10
    assert soon(asked(ahead=Ahead(state="shadow", soon=800.0))) == 0
    assert soon(asked(ahead=ahead, errors=0.2)) == 0
