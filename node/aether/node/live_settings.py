"""What a node does about its own settings when they change: logs, slow calls, instances it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from aether.config.runtime_settings import CAPACITY, Effective
from aether.core.control.overrides import of_node
from aether.core.metrics.slow_calls import SlowRule
from aether.core.model import keys
from aether.core.model.reason import Reason
from aether.core.model.records import NodeRecord, encode
from aether.core.model.view import ClusterView, project
from aether.core.store.commands import Entry, Guard, Put, Txn
from aether.core.tracing.sampling import TracingSettings
from aether.errors import AetherError
from aether.ports import Clock, Store
from aether.tasks import Tasks
from aether.wakeups import Wakeups

_log = structlog.get_logger()

PERIOD_S = 5.0
"""Between two looks when nothing changes."""


async def as_set(store: Store, record: NodeRecord) -> NodeRecord:
    """Return a node's record with the capacity set for it, so that it never claims more room at its start."""
    key = keys.config(of_node(record.node), CAPACITY)
    entry = await store.get(key)
    view = _view([entry] if entry is not None else [], 0)
    return replace(record, capacity=Effective(record).capacity(view.config))


def _ignore(_: object) -> None:
    pass


@dataclass(slots=True)
class LiveSettings:
    """Runs on every node. What it remembers is the level and the rule it set last."""

    record: NodeRecord
    """The node as it was started."""
    store: Store
    clock: Clock
    set_log_level: Callable[[str], None]
    judge_by: Callable[[SlowRule], None] = _ignore
    """Has the routers tell slow calls by this rule."""
    trace_by: Callable[[TracingSettings], None] = _ignore
    """Has the routers record traces by these settings."""
    _level: str = ""
    _rule: SlowRule | None = None
    _tracing: TracingSettings | None = None

    async def run(self) -> None:
        """Look whenever a setting changed, and once a period, until cancelled."""
        wakeups = Wakeups(self.clock, PERIOD_S)
        tasks, node = Tasks(), self.record.node
        watched = (f"{keys.CONFIG}cluster/", f"{keys.CONFIG}{of_node(node)}/", keys.node(node))
        tasks.start("settings-watch", wakeups.follow(self.store, watched))
        try:
            while True:
                await self.look()
                await wakeups.wait()
        finally:
            await tasks.stop()

    async def look(self) -> None:
        """Do as the settings in force say."""
        node = self.record.node
        level = self.store.level((keys.CONFIG, keys.node(node)))
        view, effective = _view(level.entries, level.revision), Effective(self.record)
        self._log_at(effective.log_level(view.config))
        rule = effective.slow_rule(view.config)
        if rule != self._rule:
            self.judge_by(rule)
            self._rule = rule
        tracing = effective.tracing(view.config)
        if tracing != self._tracing:
            self.trace_by(tracing)
            self._tracing = tracing
        told = view.nodes.get(node)
        capacity = effective.capacity(view.config)
        if told is None or told.incarnation != self.record.incarnation:
            return  # not registered yet: that asks for the capacity itself
        if told.capacity != capacity:
            await self._tell(replace(told, capacity=capacity), view)

    def _log_at(self, level: str) -> None:
        if level == self._level:
            return
        self.set_log_level(level)
        if self._level:
            _log.info("log level changed", before=self._level, now=level)
        self._level = level

    async def _tell(self, record: NodeRecord, view: ClusterView) -> None:
        """Say in the node's record how many instances it takes, unless the record has changed since."""
        key, text = keys.node(record.node), f"{record.node} hosts at most {record.capacity} now"
        reason = Reason(f"node:{record.node}", "capacity", text, {"capacity": str(record.capacity)})
        txn = Txn((Put(key, encode(record)),), reason, (Guard(key, view.revisions[key]),))
        try:
            await self.store.txn(txn)
        except AetherError as problem:
            _log.info("capacity not told yet", error=problem.message)


def _view(entries: Sequence[Entry], revision: int) -> ClusterView:
    found = ((entry.key, entry.value, entry.mod_revision) for entry in entries)
    return project(found, revision)
