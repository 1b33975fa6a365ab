from aether.core.alerts.book import open_book
from aether.core.alerts.events import Event, Place
from aether.core.alerts.showing import HIDDEN, show_alert, show_event, without_secret, written
from aether.core.model import keys
from aether.core.model.alert_records import AlertRecord, Severity, SilenceRecord, WebhookRecord
from aether.core.model.reason import Reason
from aether.core.model.records import decode, encode
from aether.core.store.commands import Entry

CPU = ("node.cpu", "n-1")


def test_a_webhook_is_shown_without_what_lets_others_send() -> None:
    record = WebhookRecord(url="https://example.org:8443/T0/token?x=1", secret="s3cret")
    shown = decode(without_secret("webhook/w", encode(record)), WebhookRecord)
    assert (shown.secret, shown.url) == (HIDDEN, "https://example.org:8443/…")
    assert without_secret("webhook/w", b'{"secret": "s3cret"') == b"null"
    assert without_secret("config/x", b"s3cret") == b"s3cret"


def test_a_webhook_without_a_secret_is_shown_without_one() -> None:
    shown = without_secret("webhook/w", encode(WebhookRecord(url="http://example.org")))
    assert decode(shown, WebhookRecord).secret == ""


def test_times_are_written_for_people_and_no_clock_is_too_mad() -> None:
    assert written(0) == ""
    assert written(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"
    assert written(2**60).startswith("9999")


def test_an_alert_is_shown_with_its_page_and_who_silences_it() -> None:
    alert = AlertRecord(severity=Severity.CRITICAL, value=1, bound=0.9, text="busy", since_ms=1)
    silence = SilenceRecord(author="me", created_ms=1, until_ms=100)
    entries = [
        Entry(keys.alert(*CPU), encode(alert), 7, 9, 2),
        Entry("silence/s", encode(silence), 8, 8, 1),
    ]
    shown = show_alert(open_book(entries, 9), CPU, 50)
    assert (shown["id"], shown["about"], shown["unit"]) == (7, "node/n-1", "share")
    assert shown["runbook"] == "runbooks/node-cpu.md"
    assert shown["silenced_by"] == ["s"]


def test_an_event_of_an_alert_names_metric_subject_and_page() -> None:
    event = Event(
        place=Place(4, 1), time_ms=1, type="ALERT_RAISED", severity=Severity.WARNING,
        subject="slice/a:b", text="x", reason=Reason("leader:n", "alert", "why"),
        key=keys.alert("slice.p99", "a:b"),
    )  # fmt: skip
    shown = show_event(event)
    assert shown["id"] == "4.1"
    assert shown["alert"] == {
        "metric": "slice.p99",
        "subject": "a:b",
        "runbook": "runbooks/threshold.md",
    }
