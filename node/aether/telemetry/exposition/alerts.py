"""The series of alerts that are active, as the leader tells them."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from aether.core.alerts.book import AlertBook
from aether.core.model.alert_records import Severity
from aether.core.model.ids import NodeId
from aether.ports import Store
from aether.telemetry.exposition.series import Sample, Series, Source, Tell

SOURCE = "alerts"

_row = partial(Series, source=SOURCE, kind="gauge", whose="leader")

ROWS: tuple[Series, ...] = (
    _row(
        name="aether_alert_active",
        help="1 for each alert that is active, by what it is about and how bad it is.",
        labels=("metric", "subject", "severity"),
        most=1000,
        calm="nothing is wrong",
    ),
    _row(
        name="aether_alerts",
        help="Alerts that are active.",
        labels=("severity",),
        most=3,
        calm="nothing is wrong",
    ),
    _row(
        name="aether_alert_silences",
        help="Silences that are set.",
        calm="nothing was silenced",
    ),
)


def alerts_source(node: NodeId, store: Store, book: Callable[[], AlertBook]) -> Source:
    """Return the source; of a node that does not lead, it tells nothing."""

    async def look() -> Tell:
        if store.leader != node:
            return tuple
        seen = book()
        return lambda: _told(seen)

    return Source(SOURCE, look)


def _told(book: AlertBook) -> Iterator[Sample]:
    for (metric, subject), record in sorted(book.alerts.items()):
        yield Sample("aether_alert_active", (metric, subject, record.severity.value), 1)
    counted = Counter(record.severity for record in book.alerts.values())
    for severity in (Severity.WARNING, Severity.CRITICAL):
        yield Sample("aether_alerts", (severity.value,), counted[severity])
    yield Sample("aether_alert_silences", (), len(book.silences))
