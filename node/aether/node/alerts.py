"""Events, alerts and webhooks of a node, put together: what watches, what tells, and log levels."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aether.chronicle.chronicle import Chronicle
from aether.chronicle.event_feed import EventFeed
from aether.config.node import NodeConfig
from aether.control.alerting import Alerting, AlertSources, Measured
from aether.control.member_facts import MemberFacts
from aether.control.webhooks import Webhooks
from aether.core.model.ids import NodeId
from aether.core.model.view import ClusterView
from aether.node.backup_notes import BackupNotes
from aether.node.live_log_levels import LiveLogLevels
from aether.node.outages import OutageWatch
from aether.ports import Clock, Group, LeaderLink, Store
from aether.tasks import Tasks
from aether.telemetry.webhook_http import post


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsGround:
    """What they stand on."""

    node: NodeId
    cluster_id: str
    store: Store
    group: Group
    link: LeaderLink
    clock: Clock
    chronicle: Chronicle
    measured: Measured
    view: Callable[[], ClusterView]
    set_own_levels: Callable[[Mapping[str, str]], None]
    """Has the processes of this node log as said, by names of loggers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """The parts; nothing runs before `start`."""

    events: EventFeed
    alerting: Alerting
    facts: MemberFacts
    webhooks: Webhooks
    levels: LiveLogLevels
    outages: OutageWatch
    backups: BackupNotes

    def start(self, tasks: Tasks) -> None:
        """Have `tasks` run every loop, until it is stopped."""
        tasks.start("events", self.events.run())
        tasks.start("alerts", self.alerting.run())
        tasks.start("member facts", self.facts.run())
        tasks.start("webhooks", self.webhooks.run())
        tasks.start("log levels", self.levels.run())
        tasks.start("outages", self.outages.run())
        tasks.start("backup notes", self.backups.run())


def assemble_alerts(ground: AlertsGround) -> Alerts:
    """Build the parts of one life of a node."""
    node, store, clock = ground.node, ground.store, ground.clock
    events = EventFeed(ground.chronicle, clock)
    facts = MemberFacts(node, ground.group, ground.link, clock)
    webhooks = Webhooks(node, store, clock, events, post, ground.cluster_id)
    sources = AlertSources(
        measured=ground.measured, view=ground.view, conditions=(facts.values, webhooks.failing)
    )
    return Alerts(
        events=events,
        alerting=Alerting(node, store, clock, sources),
        facts=facts,
        webhooks=webhooks,
        levels=LiveLogLevels(node, store, clock, ground.set_own_levels),
        outages=OutageWatch(node, store, clock, lambda: time.time_ns() // 1_000_000),
        backups=BackupNotes(store),
    )


def certificates_of(config: NodeConfig) -> tuple[str, ...]:
    """Return the files of the certificates a node shows, each once."""
    found: Mapping[str, None] = dict.fromkeys(
        path
        for path in (
            config.store.tls_certificate,
            *(each.cert for each in config.router.tls.certificates),
            config.router.export.certificate,
        )
        if path
    )
    return tuple(found)
