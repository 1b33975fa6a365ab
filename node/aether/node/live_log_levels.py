"""What a node does about levels of single loggers when they change or their time is over."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from aether.core.alerts.book import open_book
from aether.core.model import keys
from aether.core.model.alert_records import LogLevelRecord
from aether.core.model.ids import NodeId
from aether.ports import Clock, Store
from aether.tasks import Tasks
from aether.wakeups import Wakeups

_log = structlog.get_logger()

PERIOD_S = 5.0
"""Between two looks when nothing changes: a level that was set for a time ends so late at most."""


def in_force(levels: Mapping[str, LogLevelRecord], node: NodeId, now_ms: int) -> dict[str, str]:
    """Return the levels of single loggers that count on a node now."""
    return {
        logger: record.level
        for logger, record in sorted(levels.items())
        if (not record.nodes or node in record.nodes)
        and (not record.until_ms or now_ms < record.until_ms)
    }


@dataclass(slots=True)
class LiveLogLevels:
    """Runs on every node. What it remembers is what it set last."""

    node: NodeId
    store: Store
    clock: Clock
    set_own_levels: Callable[[Mapping[str, str]], None]
    wall: Callable[[], float] = time.time
    _set: Mapping[str, str] | None = None

    async def run(self) -> None:
        """Look whenever a level changed, and once a period, until cancelled."""
        wakeups, tasks = Wakeups(self.clock, PERIOD_S), Tasks()
        tasks.start("log-levels-watch", wakeups.follow(self.store, (keys.LOG_LEVELS,)))
        try:
            while True:
                try:
                    self.look()
                except Exception:  # noqa: BLE001 - a bug ends the look, not the node, and is logged
                    _log.exception("look at log levels broke off")
                await wakeups.wait()
        finally:
            await tasks.stop()

    def look(self) -> None:
        """Do as the levels in force say."""
        level = self.store.level((keys.LOG_LEVELS,))
        if not level.revision:
            return  # nothing of the store is here yet: what was told last stands
        book = open_book(level.entries, level.revision)
        wanted = in_force(book.log_levels, self.node, int(self.wall() * 1000))
        if wanted == self._set:
            return
        # The first look tells in any case: processes outlive a node, and may go by what it said before.
        self.set_own_levels(wanted)
        if wanted or self._set:
            _log.info("log levels changed", before=dict(self._set or {}), now=wanted)
        self._set = wanted
