"""The leader's look at what is bad: values, bounds, and what changes written down as `alert/` keys.

It looks once a second whoever watches, and holds nothing a new leader would miss: what is active stands
in the store, guarded by the epoch and by the key's own revision, so nothing is raised twice.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from aether.core.alerts.book import PREFIXES, AlertBook, open_book
from aether.core.alerts.conditions import OF_VIEW, of_view
from aether.core.alerts.evaluate import AlertState, Transition, evaluating
from aether.core.alerts.thresholds import Series, bounds_of, watched
from aether.core.metrics.catalogue import CATALOGUE
from aether.core.model import keys
from aether.core.model.alert_records import RANK, AlertRecord, Severity
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import encode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Applied, Delete, Guard, Operation, Put, Txn
from aether.errors import AetherError
from aether.ports import Clock, Store
from aether.tasks import Tasks, by_turns
from aether.wakeups import Wakeups

_log = structlog.get_logger()

PERIOD_S = 1.0
MOST_CHANGES = 32
"""Most alerts written down in one look; the rest follows with the next ones."""
MOST_ACTIVE = 1000
"""Most alerts active at a time; more are not raised, and that is logged."""
WRITE_S = 3.0
WATCHED = (keys.THRESHOLDS, keys.SILENCES, keys.LOG_LEVELS)

Measured = Callable[[str], Iterable[tuple[str, float]]]
"""Returns (subject, value) of one metric as they are now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSources:
    """Where the leader looks for what may be bad."""

    measured: Measured
    view: Callable[[], ClusterView]
    conditions: tuple[Callable[[], Mapping[Series, float]], ...] = ()
    """More values, as they are known now."""


@dataclass(slots=True)
class Alerting:
    """Runs on every node; acts only while this node leads."""

    node: NodeId
    store: Store
    clock: Clock
    sources: AlertSources
    wall: Callable[[], float] = time.time
    """Seconds since 1970: when an alert was raised, and when silences end."""
    _state: AlertState = field(default_factory=AlertState)
    _overflowed: bool = False
    _reign: int = 0

    async def run(self) -> None:
        """Look once a second, and at once when a threshold changes, until cancelled."""
        wakeups, tasks = Wakeups(self.clock, PERIOD_S), Tasks()
        tasks.start("alerts-watch", wakeups.follow(self.store, WATCHED))
        try:
            while True:
                await wakeups.wait()
                try:
                    await self.look()
                except AetherError as problem:
                    _log.warning("look at alerts failed", error=problem.message)
                except Exception:  # noqa: BLE001 - a bug ends the look, not the node, and is logged
                    _log.exception("look at alerts broke off")
        finally:
            await tasks.stop()

    def book(self) -> AlertBook:
        """Return what this node's copy of the store says about alerts."""
        level = self.store.level(PREFIXES)
        return open_book(level.entries, level.revision)

    async def look(self) -> None:
        """Compare every value, write down what changes, and take away what has ended."""
        if self.store.leader != self.node or not self._leads(book := self.book()):
            self._state = AlertState()
            return
        values = self.values(book)
        # What is written down counts, not what was meant: a write may have failed.
        state = replace(self._state, active=book.active())
        thresholds = book.thresholds
        now = self.clock.now()
        work = evaluating(state, values, lambda series: bounds_of(series, thresholds), now)
        self._state, changes = await by_turns(work, self.clock.now)
        try:
            for change in self._few(changes, len(book.alerts)):
                await self._write(book, change)
            await self._take_away_what_ended(book)
        except AetherError as problem:
            # The rest would wait as long each, and wait in vain: the next look makes up for it.
            _log.warning("alert not written down", error=problem.message)

    def _leads(self, book: AlertBook) -> bool:
        """Whether the reign of this node has begun: then its copy of the store has all before it."""
        if book.epoch is None or book.epoch.leader != self.node:
            return False
        reign = book.revisions[keys.EPOCH]
        if reign != self._reign:
            self._reign, self._state = reign, AlertState()
        return True

    def values(self, book: AlertBook) -> dict[Series, float]:
        """Return every value that is compared with something, as it is now."""
        found: dict[Series, float] = {}
        for metric in watched(book.thresholds):
            if metric in CATALOGUE:
                found |= {
                    (metric, subject): value for subject, value in self.sources.measured(metric)
                }
        found |= {series: 0.0 for series in book.alerts if series[0] in OF_VIEW}
        found |= of_view(self.sources.view())
        for source in self.sources.conditions:
            found |= source()
        return found

    def _few(self, changes: tuple[Transition, ...], active: int) -> list[Transition]:
        """Return what is written down now: what lowers first, then the worst, and not more than may be.

        What lowers makes room for what is raised, and is never kept waiting by what cannot be raised.
        """
        kept: list[Transition] = []
        left_out = False
        for change in sorted(changes, key=_urgency):
            if len(kept) == MOST_CHANGES:
                break
            grows = change.before is Severity.INFO
            if grows and active >= MOST_ACTIVE:
                left_out = True
                continue
            active += grows - (change.after is Severity.INFO)
            kept.append(change)
        if left_out and not self._overflowed:
            _log.error("alerts not raised: too many are active", most=MOST_ACTIVE)
        self._overflowed = left_out
        return kept

    async def _write(self, book: AlertBook, change: Transition) -> None:
        key = keys.alert(*change.series)
        operation: Operation = Delete(key)
        if change.after is not Severity.INFO:
            operation = Put(key, encode(self._record(book, change)))
        inputs = {
            "metric": change.series[0],
            "subject": change.series[1],
            "value": "" if change.value is None else f"{change.value:g}",
            "bound": "" if change.bound is None else f"{change.bound:g}",
            "before": change.before,
            "after": change.after,
        }
        if await self._commit(book, key, operation, "alert", change.text, inputs):
            _log.warning("alert", now=change.after, why=change.text)

    def _record(self, book: AlertBook, change: Transition) -> AlertRecord:
        before = book.alerts.get(change.series)
        return AlertRecord(
            severity=change.after,
            value=change.value if change.value is not None else 0.0,
            bound=change.bound if change.bound is not None else 0.0,
            text=change.text,
            since_ms=before.since_ms if before is not None else self._now_ms(),
        )

    async def _take_away_what_ended(self, book: AlertBook) -> None:
        now_ms = self._now_ms()
        for name, silence in sorted(book.silences.items()):
            if silence.until_ms <= now_ms:
                text = f"silence {name} by {silence.author} has ended"
                await self._commit(book, f"{keys.SILENCES}{name}", None, "silence.end", text, {})
        for logger, level in sorted(book.log_levels.items()):
            if 0 < level.until_ms <= now_ms:
                text = f"{logger} logs as before again: its level was set for a time"
                await self._commit(book, f"{keys.LOG_LEVELS}{logger}", None, "log.end", text, {})

    async def _commit(
        self,
        book: AlertBook,
        key: str,
        operation: Operation | None,
        rule: str,
        text: str,
        inputs: Mapping[str, str],
    ) -> bool:
        """Write one key, if nobody has since this look and this reign goes on; return whether it is."""
        txn = Txn(
            then=(operation or Delete(key),),
            reason=Reason(f"leader:{self.node}", rule, text, inputs),
            guards=(
                Guard(keys.EPOCH, book.revisions[keys.EPOCH]),
                Guard(key, book.revisions.get(key, 0)),
            ),
        )
        return isinstance(await self.store.txn(txn, timeout_s=WRITE_S), Applied)

    def _now_ms(self) -> int:
        return int(self.wall() * 1000)


def _urgency(change: Transition) -> tuple[bool, bool]:
    """Return a sort key: what lowers, then what becomes critical, then the rest."""
    worse = RANK[change.after] > RANK[change.before]
    return worse, change.after is not Severity.CRITICAL
