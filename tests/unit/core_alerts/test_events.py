import pytest

from aether.core.alerts.events import MISSING, TYPES, Choice, Event, Place, fits_any, parse_place
from aether.core.model.alert_records import Severity
from aether.core.model.reason import Reason

BY_TEST = Reason("test", "test", "a test wants it so")


def event(kind: str, severity: Severity = Severity.INFO, subject: str = "cluster") -> Event:
    return Event(
        place=Place(7, 0), time_ms=1, type=kind, severity=severity, subject=subject, text="",
        reason=BY_TEST,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["7.0", "7.12", "7", "0"])
def test_ids_are_read_back(text: str) -> None:
    assert str(parse_place(text)) == text


def test_a_bare_revision_is_after_all_events_of_it() -> None:
    assert parse_place("7.3") < parse_place("7") < parse_place("8.0")


@pytest.mark.parametrize("text", ["", "x", "7.", ".1", "-1", "7.0.1", "\u0667", "9" * 19, "1.x"])
def test_what_is_no_id_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="no event id"):
        parse_place(text)


def test_a_choice_takes_types_severities_and_subjects() -> None:
    lost = event("NODE_LOST", Severity.CRITICAL, "node/n-1")
    assert Choice().takes(lost)
    assert Choice(types=("NODE_*",), least=Severity.WARNING, subjects=("node/n-1",)).takes(lost)
    assert not Choice(types=("SLICE_*", "NODE_LOS")).takes(lost)
    assert not Choice(subjects=("node/n-2",)).takes(lost)
    assert not Choice(least=Severity.WARNING).takes(event("NODE_JOINED"))


def test_a_gap_is_always_told() -> None:
    assert Choice(types=("ALERT_*",), least=Severity.CRITICAL).takes(event(MISSING))


def test_patterns() -> None:
    assert fits_any("NODE_LOST", ())
    assert not fits_any("NODE_LOST", ("node_*",))
    assert all(name == name.upper() and text for name, text in TYPES.items())
