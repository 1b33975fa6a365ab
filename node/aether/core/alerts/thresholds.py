"""When a value is bad: the built-in bounds, and what operators say instead.

Rules for this file. Every row of `RULES` has a runbook of its name (`node.cpu`: runbooks/node-cpu.md)
and a test in which it fires and resolves by its real cause. Values of the metrics are measured;
conditions are read off the cluster's state and written as numbers, so that one set of rules serves both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from aether.core.metrics.catalogue import CATALOGUE
from aether.core.model.alert_records import Severity, ThresholdRecord

Series = tuple[str, str]
"""Metric and subject of a value."""
ANY = "*"
Direction = Literal["above", "below"]
"""On which side of its bound a value is bad; the bound itself is bad."""
MOST_WAIT_S = 86_400.0
"""Longest time beyond a bound, or back within it, that may be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one series is compared with."""

    direction: Direction = "above"
    warning: float | None = None
    critical: float | None = None
    hysteresis: float = 0.1
    """Share of the bound by which the value must fall back."""
    for_s: float = 30.0
    clear_s: float = 30.0

    def bound(self, severity: Severity) -> float | None:
        """Return the bound of a severity; INFO has none."""
        return {Severity.WARNING: self.warning, Severity.CRITICAL: self.critical}.get(severity)

    def crossed(self, value: float) -> Severity:
        """Return the worst severity whose bound the value has reached; INFO is none."""
        return self._worst(value, 0.0)

    def held(self, value: float) -> Severity:
        """Return the worst severity from whose bound the value has not fallen back far enough."""
        return self._worst(value, self.hysteresis)

    def _worst(self, value: float, slack: float) -> Severity:
        for severity in (Severity.CRITICAL, Severity.WARNING):
            bound = self.bound(severity)
            if bound is None:
                continue
            margin = abs(bound) * slack
            if value >= bound - margin if self.direction == "above" else value <= bound + margin:
                return severity
        return Severity.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One built-in alert: what its value says, and its bounds unless an operator says otherwise."""

    metric: str
    unit: str
    says: str
    """What the value is, in a phrase."""
    bounds: Bounds


def _rule(metric: str, unit: str, says: str, **bounds: float | Direction) -> Rule:
    return Rule(metric=metric, unit=unit, says=says, bounds=Bounds(**bounds))  # type: ignore[arg-type] # numbers but for the direction, all named


_TABLE = (
    _rule("node.cpu", "share", "cores of the machine in use", warning=0.9, critical=0.97, for_s=60),
    _rule("node.memory", "share", "memory of the machine in use", warning=0.9, critical=0.96,
          hysteresis=0.03),
    _rule("node.disk", "share", "file system of the data directory in use", warning=0.85,
          critical=0.95, hysteresis=0.02),
    _rule("node.loop_lag", "s", "longest time a timer of the node's loop was late", warning=0.25,
          critical=1.0, hysteresis=0.5, for_s=0, clear_s=60),
    _rule("node.fds", "share", "file descriptors of the node process in use", warning=0.8,
          critical=0.95, hysteresis=0.05),
    _rule("node.silent", "", "0: heard, 1: SUSPECT, 2: LOST", warning=1, critical=2, hysteresis=0,
          for_s=0, clear_s=10),
    _rule("node.condition", "", "0: well, 1: its store member recovers, 2: it has failed or its "
          "disk is full", warning=1, critical=2, hysteresis=0, for_s=10, clear_s=5),
    _rule("node.certificate", "days", "days until a certificate of the node ends",
          direction="below", warning=21, critical=3, hysteresis=0, for_s=0, clear_s=0),
    _rule("node.provision", "tries", "times the provider failed to start a node that is wanted",
          warning=1, critical=3, hysteresis=0, for_s=0, clear_s=10),
    _rule("member.lag", "entries", "log entries a store member is behind its leader",
          warning=5000, critical=100_000, hysteresis=0.5, for_s=10, clear_s=10),
    _rule("member.silent", "s", "time since a store member answered its leader", warning=5,
          critical=30, hysteresis=0.5, for_s=0, clear_s=3),
    _rule("cluster.quorum", "share", "voters that could fail when all are well, and cannot now",
          warning=0.01, critical=1.0, hysteresis=0, for_s=3, clear_s=3),
    _rule("cluster.unreadable", "records", "records of the store that cannot be read", warning=1,
          hysteresis=0, for_s=5, clear_s=0),
    _rule("slice.down", "", "1: wanted, and no instance is ACTIVE", critical=1, hysteresis=0,
          for_s=15, clear_s=3),
    _rule("slice.short", "instances", "instances wanted that are not ACTIVE", warning=1,
          hysteresis=0, for_s=60, clear_s=5),
    _rule("slice.failing", "instances", "instances that are FAILED", warning=1, hysteresis=0,
          for_s=10, clear_s=60),
    _rule("slice.error_share", "share", "requests of 10 s answered 5xx or cut short", warning=0.05,
          critical=0.25, hysteresis=0.5, for_s=10),
    _rule("slice.cpu", "cores", "cores used, mean of its instances", warning=0.9,
          for_s=60),
    _rule("webhook.failing", "tries", "deliveries to a webhook that failed in a row", warning=5,
          hysteresis=0, for_s=0, clear_s=0),
)  # fmt: skip

RULES: Mapping[str, Rule] = {rule.metric: rule for rule in _TABLE}
"""Every built-in alert by its metric."""

Thresholds = Mapping[Series, ThresholdRecord]
"""What operators say, by metric and subject; the subject may be `*`."""


def is_known(metric: str) -> bool:
    """Whether there are values of this name that can be compared."""
    known = CATALOGUE.get(metric)
    return metric in RULES or (known is not None and known.kind != "counter")


def known_metrics() -> tuple[str, ...]:
    """Return every name a threshold may have, sorted."""
    return tuple(sorted({*RULES, *(name for name in CATALOGUE if is_known(name))}))


def unit_of(metric: str) -> str:
    """Return the unit of a metric's values."""
    if metric in RULES:
        return RULES[metric].unit
    return CATALOGUE[metric].unit if metric in CATALOGUE else ""


def says_of(metric: str) -> str:
    """Return what a metric's values say."""
    if metric in RULES:
        return RULES[metric].says
    return CATALOGUE[metric].help if metric in CATALOGUE else ""


def runbook_of(metric: str) -> str:
    """Return the page that says what to do, as a path in the repository."""
    return f"runbooks/{metric.replace('.', '-') if metric in RULES else 'threshold'}.md"


def bounds_of(series: Series, thresholds: Thresholds) -> Bounds | None:
    """Return what a series is compared with; None when nothing is: nearest wins, field by field."""
    metric, subject = series
    rule = RULES.get(metric)
    found = rule.bounds if rule is not None else Bounds()
    for key in ((metric, ANY), (metric, subject)):
        said = thresholds.get(key)
        if said is not None:
            found = _with(found, said)
    nearest = thresholds.get((metric, subject)) or thresholds.get((metric, ANY))
    if nearest is not None and not nearest.enabled:
        return None
    return None if found.warning is None and found.critical is None else found


def _with(bounds: Bounds, said: ThresholdRecord) -> Bounds:
    """Return bounds with what an operator says; bounds he names replace both built-in ones."""
    found = bounds
    if said.warning is not None or said.critical is not None:
        direction = bounds.direction
        if said.warning is not None and said.critical is not None and said.warning != said.critical:
            direction = "above" if said.critical > said.warning else "below"
        found = replace(found, warning=said.warning, critical=said.critical, direction=direction)
    for name in ("hysteresis", "for_s", "clear_s"):
        value = getattr(said, name)
        if value is not None:
            found = replace(found, **{name: value})
    return found


def watched(thresholds: Thresholds) -> tuple[str, ...]:
    """Return the metrics that are compared with anything, sorted."""
    return tuple(sorted({*RULES, *(metric for metric, _ in thresholds)}))
