"""Sends what waits, a second apart, and all series every so often; stops within its time whatever the collector does."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from aether.config.monitoring import OtelConfig
from aether.core.tracing.span import Span
from aether.logs.lines import Line, line_of
from aether.logs.taps import add_tap, remove_tap
from aether.ports import Clock
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.exposition.pages import Taken
from aether.telemetry.exposition.series import Series
from aether.telemetry.otlp.pending import Pending
from aether.telemetry.otlp.worker import Worker

_log = structlog.get_logger()

TICK_S = 1.0
MOST_PAUSE_S = 30.0
"""Longest pause after failures; it doubles from one second on."""
_MOST_DOUBLINGS = 5
"""32 s: more than the longest pause."""
MOST_TRIES = 5
"""A batch that was not taken so often is given up: it may be what the collector will not have."""
LAST_S = 1.0
"""How long a node that stops waits for what is still to be sent."""


class Collector(Protocol):
    """Takes what is sent; `otlp.collector.GrpcCollector` is one. Calls block."""

    def send_spans(self, spans: Sequence[Span]) -> bool:
        """Return whether they were taken."""
        ...

    def send_metrics(self, table: Sequence[Series], found: Taken, now_ns: int) -> bool:
        """Return whether they were taken."""
        ...

    def send_lines(self, lines: Sequence[Line]) -> bool:
        """Return whether they were taken."""
        ...

    def close(self) -> None:
        """Break off what is being sent."""
        ...


@dataclass(slots=True)
class Signal:
    """How the sending of one kind of thing goes."""

    name: str
    sent: int = 0
    failures: int = 0
    """Sendings that were not taken."""
    in_a_row: int = 0
    due: float = 0.0
    """When to try next, on the exporter's clock."""

    def note(self, now: float, *, taken: bool, regular_s: float) -> None:
        """Note how a sending went; after failures the next one waits longer."""
        if taken:
            self.in_a_row, self.due = 0, now + regular_s
            return
        self.failures += 1
        self.in_a_row += 1
        self.due = now + min(max(regular_s, _doubled(self.in_a_row)), MOST_PAUSE_S)


class OtlpExporter:
    """Sends what one node has to tell. Owned by the event loop; only `offer_spans` may come from elsewhere."""

    def __init__(
        self,
        config: OtelConfig,
        exposition: Exposition,
        clock: Clock,
        connect: Callable[[], Collector],
    ) -> None:
        self._config = config
        self._exposition = exposition
        self._clock = clock
        self._connect = connect
        self._collector: Collector | None = None
        self._worker = Worker("otlp")
        self._spans: Pending[Span] = Pending(config.queue)
        self._lines: Pending[Line] = Pending(config.queue)
        self.signals = {name: Signal(name) for name in ("traces", "metrics", "logs")}

    @property
    def pending(self) -> Mapping[str, Pending[Any]]:
        """What waits, by signal."""
        return {"traces": self._spans, "logs": self._lines}

    def offer_spans(self, spans: Iterable[Span]) -> None:
        """Have spans sent; it costs an append each."""
        if self._config.traces:
            for span in spans:
                self._spans.offer(span)

    def offer_line(self, line: Line) -> None:
        """Have a line of another process of the node sent."""
        self._lines.offer(line)

    def note_lost_lines(self, count: int) -> None:
        """Count lines that came no farther than the process that wrote them."""
        self._lines.note_lost(count)

    def _offer_line(self, event: Mapping[str, Any]) -> None:
        self._lines.offer(line_of(event))

    async def run(self) -> None:
        """Send until cancelled. What goes wrong is logged and tried again: nobody needs it to serve."""
        if self._config.logs:
            add_tap(self._offer_line)
        failures = 0
        try:
            while True:
                try:
                    await self._step()
                    failures = 0
                except Exception:  # noqa: BLE001 - sending must not end the node; the trace is logged
                    failures += 1
                    _log.exception("nothing sent to the collector", endpoint=self._config.endpoint)
                await self._clock.sleep(min(_doubled(failures), MOST_PAUSE_S))
        finally:
            remove_tap(self._offer_line)

    async def _step(self) -> None:
        """Open the link where there is none yet, else send what is due."""
        if self._collector is None:
            self._collector = await self._worker.do(self._connect)
        else:
            await self._turn(self._collector)

    async def stop(self) -> None:
        """Send what waits if that is quick; then break off. Takes `LAST_S` and a little at most."""
        remove_tap(self._offer_line)
        collector = self._collector
        if collector is not None:
            try:
                async with asyncio.timeout(LAST_S):
                    await self._send_pending(collector)
            except TimeoutError:
                left = len(self._spans) + len(self._lines)
                _log.info("collector is not waited for", unsent=left)
            # A channel that hangs must not hold up the end of the node: nobody waits for this.
            closing = Worker("otlp-close")
            try:
                async with asyncio.timeout(LAST_S):
                    await closing.do(collector.close)
            except TimeoutError:
                _log.info("the link to the collector does not close")
            closing.close()
        self._worker.close()

    async def _turn(self, collector: Collector) -> None:
        await self._send_pending(collector)
        metrics = self.signals["metrics"]
        if self._config.metrics and self._clock.now() >= metrics.due:
            found = await self._exposition.look()
            table, now_ns = self._exposition.table, time.time_ns()
            taken = await self._done(lambda: collector.send_metrics(table, found, now_ns))
            metrics.sent += taken * found.samples
            self._note(metrics, taken=taken, regular_s=self._config.interval_s)

    async def _send_pending(self, collector: Collector) -> None:
        await self._send(self.signals["traces"], self._spans, collector.send_spans)
        await self._send(self.signals["logs"], self._lines, collector.send_lines)

    async def _send(
        self, signal: Signal, pending: Pending[Any], send: Callable[[Sequence[Any]], bool]
    ) -> None:
        """Send batch after batch until nothing waits or one is not taken."""
        while len(pending) and self._clock.now() >= signal.due:
            batch = pending.take()
            taken = False
            try:
                taken = await self._done(lambda batch=batch: send(batch))  # type: ignore[misc] # a lambda with a default
            finally:
                if taken:
                    signal.sent += len(batch)
                elif signal.in_a_row + 1 >= MOST_TRIES:
                    pending.give_up(batch)
                else:
                    pending.put_back(batch)
            self._note(signal, taken=taken, regular_s=0.0)

    async def _done(self, send: Callable[[], bool]) -> bool:
        try:
            return await self._worker.do(send)
        except Exception:  # noqa: BLE001 - the library's own errors must not end the exporter
            _log.exception("sending to the collector broke off")
            return False

    def _note(self, signal: Signal, *, taken: bool, regular_s: float) -> None:
        was_well = signal.in_a_row == 0
        signal.note(self._clock.now(), taken=taken, regular_s=regular_s)
        if was_well and not taken:
            _log.warning(
                "the collector does not take what is sent",
                signal=signal.name,
                endpoint=self._config.endpoint,
            )
        elif not was_well and taken:
            _log.info("the collector takes what is sent again", signal=signal.name)


def _doubled(failures: int) -> float:
    """Return the pause after so many failures in a row; `TICK_S` after none or one."""
    return TICK_S * 2.0 ** min(max(failures - 1, 0), _MOST_DOUBLINGS)
