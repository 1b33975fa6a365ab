"""Questions as values that come back from text."""

import msgspec

from aether.core.scaling.plans import Planned
from aether.core.scaling.question import Ahead, Question
from aether.core.scaling.wording import as_inputs
from tests.unit.core_scaling.test_decision import ASKED


def test_a_question_comes_back_from_its_inputs() -> None:
    asked = msgspec.structs.replace(
        ASKED,
        planned=Planned(rate=0.1 + 0.2, headroom=1.5, quantile="p90", capped=True),
        ahead=Ahead(state="good", soon=1.0),
    )
    fields = {name: msgspec.json.decode(text) for name, text in as_inputs(asked).items()}
    assert msgspec.convert(fields, Question) == asked


def test_only_a_good_forecast_counts() -> None:
    states = ("good", "none", "off", "shadow", "expired", "untrusted")
    assert [Ahead(state=state).counts for state in states] == [True] + [False] * 5
