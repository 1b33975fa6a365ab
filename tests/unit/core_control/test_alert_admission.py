import pytest

from aether.core.alerts.book import AlertBook
from aether.core.control.admission import Admitted, Rejected
from aether.core.control.alert_admission import (
    MOST_SILENCES,
    MOST_WEBHOOKS,
    admit_log_level,
    admit_no_log_level,
    admit_no_silence,
    admit_no_threshold,
    admit_no_webhook,
    admit_silence,
    admit_threshold,
    admit_webhook,
)
from aether.core.model.alert_records import (
    LogLevelRecord,
    SilenceRecord,
    ThresholdRecord,
    WebhookRecord,
)
from aether.core.model.ids import NodeId
from aether.core.model.records import encode
from aether.core.store.commands import Delete, Guard, Put

EMPTY = AlertBook()
HOOK = WebhookRecord(url="https://example.org/x")


def problems(decision: Admitted | Rejected) -> str:
    assert isinstance(decision, Rejected), decision
    return "\n".join(decision.problems)


def silence(**fields: object) -> SilenceRecord:
    given = {"author": "me", "created_ms": 0, "until_ms": 1000, **fields}
    return SilenceRecord(**given)  # type: ignore[arg-type] # fields by name


def test_a_threshold_is_written_where_nothing_was() -> None:
    record = ThresholdRecord(warning=0.5, for_s=1.0)
    found = admit_threshold(EMPTY, "node.cpu", "n-1", record)
    assert found == Admitted(
        (Put("threshold/node.cpu/n-1", encode(record)),),
        (Guard("threshold/node.cpu/n-1", 0),),
        "the threshold of node.cpu of n-1 is warning 0.5, for_s 1",
    )


def test_the_same_again_changes_nothing() -> None:
    record = ThresholdRecord(warning=0.5)
    book = AlertBook(thresholds={("node.cpu", "*"): record}, revisions={"threshold/node.cpu/*": 4})
    again = admit_threshold(book, "node.cpu", "*", record)
    assert isinstance(again, Admitted)
    assert not again.changed
    other = admit_threshold(book, "node.cpu", "*", ThresholdRecord(warning=0.6))
    assert isinstance(other, Admitted)
    assert other.guards == (Guard("threshold/node.cpu/*", 4),)


@pytest.mark.parametrize(
    ("metric", "subject", "record", "told"),
    [
        ("node.cpuu", "*", ThresholdRecord(warning=1), "did you mean 'node.cpu'"),
        ("node.cpu", "N!", ThresholdRecord(warning=1), "not a node id"),
        ("slice.cpu", "n-1", ThresholdRecord(warning=1), "expected group:name"),
        ("instance.cpu", "x/0", ThresholdRecord(warning=1), "subject of instance.cpu"),
        ("cluster.quorum", "n-1", ThresholdRecord(warning=1), "whole cluster"),
        ("node.cpu", "", ThresholdRecord(warning=1), "not a node id"),
        ("webhook.failing", "", ThresholdRecord(warning=1), "say one, or * for all"),
        ("node.cpu", "*", ThresholdRecord(warning=0.9, critical=0.5), "bad above its bounds"),
        ("node.cpu", "*", ThresholdRecord(hysteresis=1.0), "a share from 0 to below 1"),
        ("node.cpu", "*", ThresholdRecord(for_s=-1), "for_s is 0 to 86400 s"),
        ("node.cpu", "*", ThresholdRecord(warning=float("nan")), "no finite number"),
        ("node.cpu", "*", ThresholdRecord(critical=float("inf")), "no finite number"),
        ("slice.p99", "*", ThresholdRecord(for_s=1), "no bound of its own"),
    ],
)
def test_what_is_wrong_with_a_threshold(
    metric: str, subject: str, record: ThresholdRecord, told: str
) -> None:
    assert told in problems(admit_threshold(EMPTY, metric, subject, record))


def test_no_alert_of_it_needs_no_bounds() -> None:
    off = admit_threshold(EMPTY, "slice.p99", "*", ThresholdRecord(enabled=False))
    assert isinstance(off, Admitted)
    assert off.summary == "slice.p99 of * raises no alert"


def test_what_was_not_set_is_not_taken_back() -> None:
    for found in (
        admit_no_threshold(EMPTY, "node.cpu", "*"),
        admit_no_log_level(EMPTY, "aether.control"),
    ):
        assert isinstance(found, Admitted)
        assert not found.changed
    book = AlertBook(revisions={"threshold/node.cpu/*": 4})
    there = admit_no_threshold(book, "node.cpu", "*")
    assert isinstance(there, Admitted)
    assert there.then == (Delete("threshold/node.cpu/*"),)


def test_silences_have_an_author_an_end_and_a_known_metric() -> None:
    assert isinstance(admit_silence(EMPTY, "s", silence(metric="node.cpu")), Admitted)
    assert "author" in problems(admit_silence(EMPTY, "s", silence(author=" ")))
    assert "at most 30 days" in problems(admit_silence(EMPTY, "s", silence(until_ms=10**12)))
    assert "no metric" in problems(admit_silence(EMPTY, "s", silence(metric="x.y")))
    assert "500" in problems(admit_silence(EMPTY, "s", silence(comment="x" * 501)))
    full = AlertBook(silences={str(number): silence() for number in range(MOST_SILENCES)})
    assert "the most there may be" in problems(admit_silence(full, "s", silence()))
    assert "no silence s" in problems(admit_no_silence(EMPTY, "s"))


def test_log_levels_are_of_loggers_and_nodes() -> None:
    there = LogLevelRecord(level="debug", nodes=(NodeId("n-1"),))
    for name in ("aether.control", "shop-app.sql", "root.of.something"):
        assert isinstance(admit_log_level(EMPTY, name, there), Admitted)
    assert "no logger" in problems(admit_log_level(EMPTY, "a b", there))
    assert "log.level" in problems(admit_log_level(EMPTY, "root", there)), "it is all of them"
    assert "say debug" in problems(admit_log_level(EMPTY, "a", LogLevelRecord(level="loud")))
    bad = LogLevelRecord(level="info", nodes=(NodeId("N!"),))
    assert "not a node id" in problems(admit_log_level(EMPTY, "a", bad))


@pytest.mark.parametrize(
    "url",
    ["ftp://x/", "file:///etc/passwd", "http://", "http:///x", "//x", "x", "http://a b/",
     "http://x:99999/", "http://x:0/", "http://user:pw@x/", "http://x/#y", "http://" + "x" * 3000],
)  # fmt: skip
def test_only_http_and_https_urls_without_passwords(url: str) -> None:
    assert "url" in problems(admit_webhook(EMPTY, "w", WebhookRecord(url=url)))


def test_webhooks_name_types_there_are() -> None:
    assert isinstance(admit_webhook(EMPTY, "w", HOOK), Admitted)
    wrong = WebhookRecord(url=HOOK.url, types=("NODE_LOSTT", "ALERT_*"), timeout_s=31)
    told = problems(admit_webhook(EMPTY, "W!", wrong))
    assert "did you mean 'NODE_LOST'" in told
    assert "no name of a webhook" in told
    assert "timeout_s" in told
    assert "types" in problems(admit_webhook(EMPTY, "w", WebhookRecord(url=HOOK.url, types=())))
    full = AlertBook(webhooks={str(number): HOOK for number in range(MOST_WEBHOOKS)})
    assert "the most" in problems(admit_webhook(full, "w", HOOK))


def test_a_webhook_goes_with_how_far_it_was_told() -> None:
    book = AlertBook(webhooks={"w": HOOK}, revisions={"webhook/w": 3, "delivery/w": 5})
    found = admit_no_webhook(book, "w")
    assert isinstance(found, Admitted)
    assert found.then == (Delete("webhook/w"), Delete("delivery/w"))
    assert "no webhook x; known: w" in problems(admit_no_webhook(book, "x"))


def test_what_is_written_of_a_webhook_tells_its_host_only() -> None:
    found = admit_webhook(EMPTY, "w", WebhookRecord(url="https://example.org/tok3n", secret="k3y"))
    assert isinstance(found, Admitted)
    assert "example.org" in found.summary
    assert "tok3n" not in found.summary
    assert "k3y" not in found.summary
