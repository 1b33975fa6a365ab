"""Active alerts become series of the leader."""

from typing import cast

from aether.core.alerts.book import AlertBook
from aether.core.model.alert_records import AlertRecord, Severity
from aether.core.model.ids import NodeId
from aether.ports import Store
from aether.telemetry.exposition.alerts import alerts_source
from tests.exposition_world import told

NODE = NodeId("n-1")


class Led:
    """A store that knows a leader."""

    def __init__(self, leader: str) -> None:
        self.leader = NodeId(leader)


def book() -> AlertBook:
    return AlertBook(
        alerts={
            ("node.cpu", "n-1"): record(Severity.CRITICAL),
            ("node.cpu", "n-2"): record(Severity.WARNING),
        }
    )


def record(severity: Severity) -> AlertRecord:
    return AlertRecord(severity=severity, since_ms=1, value=0.99, bound=0.97, text="busy")


async def test_the_leader_tells_each_alert_and_counts_them() -> None:
    values = await told(alerts_source(NODE, cast("Store", Led("n-1")), book))
    assert values["aether_alert_active"] == {
        ("node.cpu", "n-1", "critical"): 1,
        ("node.cpu", "n-2", "warning"): 1,
    }
    assert values["aether_alerts"] == {("warning",): 1, ("critical",): 1}
    assert values["aether_alert_silences"] == {(): 0}


async def test_another_node_tells_nothing() -> None:
    assert await told(alerts_source(NODE, cast("Store", Led("n-2")), book)) == {}
