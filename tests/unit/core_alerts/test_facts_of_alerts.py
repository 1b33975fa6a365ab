import pytest

from aether.core.alerts.facts import fact_of, told_of
from aether.core.model.alert_records import (
    AlertRecord,
    LogLevelRecord,
    Severity,
    SilenceRecord,
    ThresholdRecord,
    WebhookRecord,
)
from aether.core.model.ids import NodeId
from aether.core.model.records import encode


def alert(severity: Severity) -> AlertRecord:
    return AlertRecord(severity=severity, value=1, bound=1, text=f"it is {severity}", since_ms=1)


SILENCE = SilenceRecord(author="me", created_ms=1, until_ms=2)
WARNING, CRITICAL = alert(Severity.WARNING), alert(Severity.CRITICAL)
HOOK = WebhookRecord(url="http://example.org/path-that-is-a-secret", secret="k")


@pytest.mark.parametrize(
    ("key", "before", "after", "kind", "severity", "subject"),
    [
        ("alert/node.cpu/n-1", None, WARNING, "ALERT_RAISED", "warning", "node/n-1"),
        ("alert/slice.down/a:b", WARNING, CRITICAL, "ALERT_WORSENED", "critical", "slice/a:b"),
        ("alert/cluster.quorum/-", CRITICAL, WARNING, "ALERT_EASED", "warning", "cluster"),
        ("alert/webhook.failing/w", WARNING, None, "ALERT_RESOLVED", "info", "cluster"),
        ("threshold/node.cpu/*", None, ThresholdRecord(warning=1), "THRESHOLD_CHANGED", "info",
         "cluster"),
        ("threshold/node.cpu/n-1", ThresholdRecord(), None, "THRESHOLD_CHANGED", "info",
         "node/n-1"),
        ("silence/s", None, SILENCE, "SILENCE_BEGUN", "info", "cluster"),
        ("silence/s", SILENCE, None, "SILENCE_ENDED", "info", "cluster"),
        ("loglevel/aether", None, LogLevelRecord(level="debug", nodes=(NodeId("n-1"),)),
         "LOG_LEVEL_CHANGED", "info", "cluster"),
        ("loglevel/aether", LogLevelRecord(level="debug"), None, "LOG_LEVEL_CHANGED", "info",
         "cluster"),
        ("webhook/w", None, HOOK, "WEBHOOK_CHANGED", "info", "cluster"),
        ("webhook/w", HOOK, None, "WEBHOOK_CHANGED", "info", "cluster"),
    ],
)  # fmt: skip
def test_a_change_is_told(
    key: str, before: object, after: object, kind: str, severity: str, subject: str
) -> None:
    facts = [None if one is None else fact_of(key, encode(one)) for one in (before, after)]
    (one,) = told_of(key, *facts)
    assert (one.type, one.severity, one.subject) == (kind, severity, subject)
    assert "secret" not in one.text


def test_what_stays_as_it_is_is_not_told() -> None:
    for key, record in (
        ("alert/node.cpu/n-1", WARNING),
        ("webhook/w", HOOK),
        ("silence/s", SILENCE),
    ):
        fact = fact_of(key, encode(record))
        assert told_of(key, fact, fact) == ()


def test_the_text_of_an_alert_is_told_when_it_is_raised_and_when_it_is_over() -> None:
    fact = fact_of("alert/node.cpu/n-1", encode(WARNING))
    assert told_of("alert/node.cpu/n-1", None, fact)[0].text == "it is warning"
    assert "it is warning" in told_of("alert/node.cpu/n-1", fact, None)[0].text
