import pytest

from aether.core.model.alert_records import (
    RANK,
    AlertRecord,
    DeliveryRecord,
    LogLevelRecord,
    Severity,
    SilenceRecord,
    ThresholdRecord,
    WebhookRecord,
    Withheld,
)
from aether.core.model.ids import NodeId
from aether.core.model.records import decode, encode

RECORDS = (
    ThresholdRecord(warning=0.5, for_s=3),
    AlertRecord(severity=Severity.CRITICAL, value=1, bound=0.9, text="busy", since_ms=1),
    SilenceRecord(author="me", created_ms=1, until_ms=2),
    LogLevelRecord(level="debug", nodes=(NodeId("n-1"),)),
    WebhookRecord(url="http://example.org", least=Severity.WARNING),
    DeliveryRecord(event="7.0", dropped=2, told={"outcome": "delivered"}),
    DeliveryRecord(
        event="7.0", failures=5, withheld={"alert/a/b": Withheld(event="6.0", unheard=True)}
    ),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_are_read_back(record: object) -> None:
    assert decode(encode(record), type(record)) == record


def test_what_is_left_out_has_a_default_so_that_later_fields_harm_nobody() -> None:
    assert decode(b'{"url": "http://x"}', WebhookRecord) == WebhookRecord(url="http://x")
    assert decode(b'{"later": 1}', ThresholdRecord) == ThresholdRecord()
    with pytest.raises(ValueError, match="not a AlertRecord"):
        decode(b'{"severity": "bad"}', AlertRecord)


def test_severities_are_ordered() -> None:
    assert sorted(Severity, key=lambda one: RANK[one]) == ["info", "warning", "critical"]
