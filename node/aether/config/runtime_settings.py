"""What can be changed while the cluster runs, and what is in force on a node.

`docs/reference/settings.md` is made from this table. What the leader goes by is one for the cluster:
its patience should not depend on who leads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aether.config.node import LEVELS, NodeConfig
from aether.config.scaling_rows import SCALING
from aether.config.slow_settings import SLOW, SLOW_BOUNDS, slow_rule
from aether.config.tracing_rows import TRACING, tracing_settings
from aether.core.control.overrides import (
    CLUSTER,
    InForce,
    Kind,
    Pair,
    Setting,
    in_force,
    reconciled,
)
from aether.core.control.signals import ControlSettings
from aether.core.metrics.slow_calls import SlowRule
from aether.core.model.ids import NodeId
from aether.core.model.records import NodeRecord
from aether.core.model.slice_settings import Overrides
from aether.core.tracing.sampling import TracingSettings

DRAIN_GRACE = "agent.drain_grace_s"
LOG_LEVEL = "log.level"
CAPACITY = "node.capacity"
_CONTROL = "control."
_DEFAULTS = ControlSettings()
MAX_DRAIN_GRACE_S = 20.0
"""The step has 30 s, of which routers and the slice's own `stop` need their share."""


def _control(field: str, low: float, high: float, meaning: str, kind: Kind = "seconds") -> Setting:
    return Setting(
        name=f"{_CONTROL}{field}",
        kind=kind,
        scopes=("cluster",),
        default=getattr(_DEFAULTS, field),
        low=low,
        high=high,
        unit="s" if kind == "seconds" else "",
        meaning=meaning,
    )


_TABLE = (
    _control("suspect_after_s", 0.2, 3600, "silence before a node gets no new instances"),
    _control("lost_after_s", 0.5, 3600, "silence before a node's instances are placed anew"),
    _control("settle_s", 0.1, 3600, "calm before instances are moved to spread them better"),
    _control(
        "tries_per_node", 1, 100, "transient failures in a row before another node is taken", "count"
    ),
    _control("backoff_first_s", 0.1, 3600, "wait after a first transient failure; it doubles"),
    _control("backoff_most_s", 0.1, 3600, "longest wait after a transient failure"),
    _control("proven_after_s", 1, 86_400, "time ACTIVE after which failures there are forgiven"),
    _control(
        "forgive_after_s", 1, 86_400, "time ACTIVE after which nodes that gave up may be tried again"
    ),
    _control(
        "dependency_grace_s", 0, 3600, "time without a required slice before dependents are parked"
    ),
    _control("provision_timeout_s", 5, 3600, "time a node being started has to come on duty"),
    _control(
        "provision_tries", 1, 100, "failures before a node being started is given up", "count"
    ),
    _control("provision_forgive_s", 1, 86_400, "time after which a node given up is asked for anew"),
    Setting(
        name=DRAIN_GRACE, kind="seconds", scopes=("cluster", "node"), default=10.0, unit="s",
        low=0, high=MAX_DRAIN_GRACE_S,
        meaning="longest wait for requests in flight when an instance is deactivated",
    ),
    Setting(
        name=LOG_LEVEL, kind="choice", scopes=("cluster", "node"), default="info", choices=LEVELS,
        meaning="least severe level Aether's processes log on the node, and its own loggers in slice hosts",
    ),
    Setting(
        name=CAPACITY, kind="count", scopes=("node",), default=200, unit="instances",
        low=0, high=10_000,
        meaning="most instances the node will host; those it has stay when it shrinks",
    ),
    *TRACING,
    *SCALING,
    *SLOW,
)  # fmt: skip

SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in _TABLE}
"""Every setting of Aether that can be changed at run time, by name."""

PATIENCE = Pair(
    lesser="control.suspect_after_s",
    greater="control.lost_after_s",
    may_equal=False,
    why="a node is doubted before it is given up",
)
BACKOFF = Pair(
    lesser="control.backoff_first_s",
    greater="control.backoff_most_s",
    may_equal=True,
    why="the first wait is the shortest",
)
PAIRS = (PATIENCE, BACKOFF, SLOW_BOUNDS)
"""Settings that must go together."""

Given = Mapping[str, InForce]
"""What a node was given at its start, by name."""


def given_at_start(config: NodeConfig) -> Mapping[str, Any]:
    """Return the settings a node's file, environment or flags give it, by name, defaults left out."""
    found: dict[str, Any] = {}
    for setting, place in _IN_FILE.items():
        section, _, name = place.rpartition(".")
        if config.origins.get(place, "default") != "default":
            found[setting] = getattr(getattr(config, section) if section else config, name)
    return found


def given_to(record: NodeRecord | None) -> Given:
    """Return what a node was given, by every setting's name; None is a node nothing is known of.

    File, environment and flags all count as `file`.
    """
    told = record.given if record is not None else {}
    return {
        name: InForce(told[name], "file")
        if name in told and setting.is_of_kind(told[name])
        else InForce(setting.default, "default")
        for name, setting in SETTINGS.items()
    }


_IN_FILE: Mapping[str, str] = {
    "control.suspect_after_s": "control.suspect_after_s",
    "control.lost_after_s": "control.lost_after_s",
    "control.settle_s": "control.settle_s",
    LOG_LEVEL: "log.level",
    CAPACITY: "capacity",
}
"""Settings that a node's configuration has too, and where."""


def all_in_force(overrides: Overrides, node: NodeId | None, given: Given) -> Mapping[str, InForce]:
    """Return every setting as it counts on a node, or in the cluster when `node` is None.

    Whatever is in the store, the values hold what `PAIRS` asks.
    """
    found = {
        name: in_force(setting, overrides, node, given[name]) for name, setting in SETTINGS.items()
    }
    for pair in PAIRS:
        found[pair.lesser], found[pair.greater] = reconciled(
            pair, found[pair.lesser], found[pair.greater]
        )
    return found


@dataclass(frozen=True, slots=True)
class Effective:
    """Settings in force on one node: what it was given, and what was changed since."""

    record: NodeRecord
    """The node as it was started; its `capacity` is the one given."""

    def drain_grace_s(self, overrides: Overrides) -> float:
        """Longest wait for requests in flight, in seconds."""
        return float(self._value(overrides, DRAIN_GRACE))

    def log_level(self, overrides: Overrides) -> str:
        """Least severe level logged."""
        return str(self._value(overrides, LOG_LEVEL))

    def capacity(self, overrides: Overrides) -> int:
        """Most instances hosted."""
        given = InForce(self.record.capacity, "file")
        return int(in_force(SETTINGS[CAPACITY], overrides, self.record.node, given).value)

    def slow_rule(self, overrides: Overrides) -> SlowRule:
        """How it is told which calls are slow."""
        found = all_in_force(overrides, self.record.node, given_to(self.record))
        return slow_rule(lambda name: found[name].value)

    def tracing(self, overrides: Overrides) -> TracingSettings:
        """Which traces are recorded."""
        return tracing_settings(lambda name: self._value(overrides, name))

    def _value(self, overrides: Overrides, name: str) -> Any:  # noqa: ANN401 - a JSON value, checked against its setting
        given = given_to(self.record)[name]
        return in_force(SETTINGS[name], overrides, self.record.node, given).value


def control_settings(base: ControlSettings, overrides: Overrides) -> ControlSettings:
    """Return how the leader works now: `base`, which it was given, with what was changed since."""
    if not any(scope == CLUSTER for scope, _ in overrides):
        return base
    names = [name for name in SETTINGS if name.startswith(_CONTROL)]
    given = {
        **given_to(None),
        **{name: InForce(getattr(base, name.removeprefix(_CONTROL)), "file") for name in names},
    }
    found = all_in_force(overrides, None, given)
    return replace(base, **{name.removeprefix(_CONTROL): found[name].value for name in names})
