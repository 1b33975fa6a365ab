"""What is sent to a collector becomes series."""

from typing import cast

from aether.telemetry.exposition.sending import ROWS, sending_source
from aether.telemetry.otlp.exporter import OtlpExporter, Signal
from aether.telemetry.otlp.pending import Pending
from tests.exposition_world import told


class Sending:
    """An exporter in the middle of its work."""

    def __init__(self) -> None:
        self.signals = {
            name: Signal(name, sent=5, failures=1) for name in ("traces", "metrics", "logs")
        }
        waiting: Pending[int] = Pending(2)
        for number in range(3):
            waiting.offer(number)
        self.pending = {"traces": waiting, "logs": Pending[int](2)}


async def test_every_signal_is_told() -> None:
    values = await told(sending_source(cast("OtlpExporter", Sending())))
    assert values["aether_otlp_sent"]["metrics",] == 5
    assert values["aether_otlp_failures"]["logs",] == 1
    assert values["aether_otlp_dropped"] == {("traces",): 1, ("logs",): 0}
    assert values["aether_otlp_waiting"] == {("traces",): 2, ("logs",): 0}
    assert set(values) == {row.name for row in ROWS}
