"""Decisions as people read them."""

import msgspec
import pytest

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.decision import decision_on
from aether.core.scaling.plans import Planned
from aether.core.scaling.question import Ahead
from tests.unit.core_scaling.test_decision import ASKED, CALM

PLAN = Planned(rate=1250.0, headroom=1.5, span_s=60.0)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"demand": 900.0}, "10 → 12: 900 requests/s, 100 an instance, 12 needed at 75% use"),
        ({"bounds": Bounds(1, 50, 50, "a roll-out runs")}, "10 stay: a roll-out runs"),
        ({"demand": None}, "10 stay: nobody reports this slice's requests"),
        ({"capacity": None}, "state capacity_rps in the blueprint"),
        ({"demand": 900.0, "bounds": Bounds(1, 50, 7)}, "the nodes have room for 7"),
        (CALM, "10 → 4: 300 requests/s, 100 an instance, 4 needed now, 4 in the last 300 s"),
        (CALM | {"errors": 0.5}, "50% of requests fail, above 10%"),
        (CALM | {"since_change_s": 10.0}, "the last change was 10 s ago"),
        (CALM | {"watched_s": 10.0}, "watched without a hole for 10 s"),
        (
            {"planned": PLAN},
            "13 are to be there for 1250 requests/s: 1.5 x the largest load of 60 s",
        ),
        ({"bounds": Bounds(12, 50, 50)}, "10 → 12: at least 12 are wanted"),
    ],
)
def test_sentences_have_the_values_in_them(changes: dict[str, object], told: str) -> None:
    assert told in decision_on(msgspec.structs.replace(ASKED, **changes)).text


def test_what_was_not_done_is_told() -> None:
    limited = msgspec.structs.replace(ASKED, demand=900.0, bounds=Bounds(1, 10, 50))
    assert "bounds 1 to 10" in decision_on(limited).rejected["12 instances"]
    shadowed = msgspec.structs.replace(ASKED, ahead=Ahead(state="shadow"))
    assert decision_on(shadowed).rejected["by forecast"] == "the forecast is not acted on: shadow"
