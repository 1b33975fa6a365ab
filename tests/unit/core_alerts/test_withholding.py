"""What is kept back under a silence, and the law of it: whoever heard of an alert hears of its end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.core.alerts.withholding import MOST_WITHHELD, Fate, fate, withheld, without
from aether.core.model.alert_records import Withheld

UNHEARD, HEARD = Withheld(event="1.0", unheard=True), Withheld(event="1.0", unheard=False)
KEY = "alert/node.cpu/n-1"


@pytest.mark.parametrize(
    ("kind", "known", "silenced", "expected"),
    [
        ("ALERT_RAISED", None, False, "tell"),
        ("ALERT_RAISED", None, True, "withhold"),
        ("ALERT_WORSENED", None, True, "withhold"),
        ("ALERT_WORSENED", UNHEARD, False, "tell"),
        ("ALERT_EASED", None, True, "tell"),
        ("ALERT_EASED", HEARD, True, "tell"),
        ("ALERT_EASED", UNHEARD, True, "withhold"),
        ("ALERT_RESOLVED", None, True, "tell"),
        ("ALERT_RESOLVED", HEARD, True, "tell"),
        ("ALERT_RESOLVED", UNHEARD, True, "forget"),
        ("ALERT_RESOLVED", UNHEARD, False, "forget"),
    ],
)
def test_what_becomes_of_an_event(
    kind: str, known: Withheld | None, silenced: bool, expected: Fate
) -> None:
    assert fate(kind, known, silenced=silenced) == expected


def test_the_last_event_is_kept_and_that_nothing_was_heard() -> None:
    first = withheld({}, KEY, "ALERT_RAISED", "3.0")
    assert first == {KEY: Withheld(event="3.0", unheard=True)}
    assert withheld(first, KEY, "ALERT_WORSENED", "4.0") == {
        KEY: Withheld(event="4.0", unheard=True)
    }
    assert without(first, KEY) == {}


def test_there_is_room_for_so_many() -> None:
    full = {f"alert/a/{number}": UNHEARD for number in range(MOST_WITHHELD)}
    assert withheld(full, KEY, "ALERT_RAISED", "3.0") is None
    assert len(withheld(full, "alert/a/0", "ALERT_WORSENED", "3.0") or {}) == MOST_WITHHELD


@given(st.lists(st.tuples(st.sampled_from(["worse", "better"]), st.booleans()), max_size=12))
def test_each_end_is_told_to_whoever_heard_of_the_alert_and_to_nobody_else(
    course: list[tuple[str, bool]],
) -> None:
    kept, severity, heard = dict[str, Withheld](), 0, False
    for step, (way, silenced) in enumerate(course):
        before, severity = (
            severity,
            min(2, severity + 1) if way == "worse" else max(0, severity - 1),
        )
        if before == severity:
            continue
        rising = severity > before
        kind = (("ALERT_RAISED" if before == 0 else "ALERT_WORSENED") if rising
                else ("ALERT_RESOLVED" if severity == 0 else "ALERT_EASED"))  # fmt: skip
        outcome = fate(kind, kept.get(KEY), silenced=silenced)
        if kind == "ALERT_RESOLVED":
            assert (outcome == "tell") is heard
        if outcome == "withhold":
            assert silenced
            kept = dict(withheld(kept, KEY, kind, f"{step}.0") or {})
        else:
            kept = dict(without(kept, KEY))
            heard = outcome == "tell" and severity > 0
