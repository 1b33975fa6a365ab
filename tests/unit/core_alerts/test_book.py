from aether.core.alerts.book import covers, open_book, silencers
from aether.core.model import keys
from aether.core.model.alert_records import AlertRecord, Severity, SilenceRecord, ThresholdRecord
from aether.core.model.ids import NodeId
from aether.core.model.records import EpochRecord, encode
from aether.core.store.commands import Entry

CPU = ("node.cpu", "n-1")
ALERT = AlertRecord(severity=Severity.WARNING, value=1, bound=0.9, text="busy", since_ms=5)


def entry(key: str, record: object, revision: int = 3) -> Entry:
    value = record if isinstance(record, bytes) else encode(record)
    return Entry(key, value, 2, revision, 1)


def silence(metric: str = "*", subject: str = "*", until_ms: int = 100) -> SilenceRecord:
    return SilenceRecord(
        metric=metric, subject=subject, author="me", created_ms=1, until_ms=until_ms
    )


def test_every_record_has_its_place_and_its_revisions() -> None:
    book = open_book(
        [
            entry(keys.EPOCH, EpochRecord(leader=NodeId("n-1"), epoch=4)),
            entry(keys.alert(*CPU), ALERT, 7),
            entry(keys.threshold("cluster.quorum", ""), ThresholdRecord(warning=1)),
            entry("webhook/w", b"{"),
            entry("node/n-1", b"{}"),
        ],
        9,
    )
    assert book.epoch is not None
    assert book.epoch.epoch == 4
    assert book.active() == {CPU: "warning"}
    assert book.thresholds == {("cluster.quorum", ""): ThresholdRecord(warning=1)}
    assert (book.revisions[keys.alert(*CPU)], book.created[keys.alert(*CPU)]) == (7, 2)
    assert list(book.unreadable) == ["webhook/w"]
    assert "node/n-1" not in book.revisions


def test_a_silence_covers_what_it_names_until_it_ends() -> None:
    book = open_book(
        [
            entry("silence/b", silence()),
            entry("silence/a", silence("node.cpu", "n-1")),
            entry("silence/c", silence("node.cpu", "n-2")),
            entry("silence/d", silence(until_ms=40)),
        ],
        1,
    )
    assert silencers(book, CPU, 50) == ("a", "b")
    assert silencers(book, CPU, 100) == ()
    assert not covers(silence("node.disk"), CPU)
