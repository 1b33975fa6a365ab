"""The alert rules for Prometheus: one for each bound of a built-in alert, and what only a scraper can see."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aether.core.alerts.thresholds import RULES, Rule, runbook_of
from aether_forge.observability.conditions import CONDITIONS, Condition, Input
from aether_forge.observability.yaml_text import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class PromRule:
    """One rule, and what makes it fire."""

    alert: str
    query: str
    for_s: int
    severity: str
    summary: str
    runbook: str
    labels: Mapping[str, str]
    """Of the alert in its test, without name and severity."""
    inputs: tuple[tuple[str, float, float], ...]
    """Series, their value while all is well, and the one that makes it fire."""

    @property
    def annotations(self) -> dict[str, str]:
        """What people read with the alert."""
        return {"summary": self.summary, "runbook": self.runbook}

    def written(self) -> Value:
        """Return it as Prometheus reads it."""
        return {
            "alert": self.alert,
            "expr": self.query,
            "for": f"{self.for_s}s",
            "labels": {"severity": self.severity},
            "annotations": self.annotations,
        }


def alert_name(metric: str) -> str:
    """Return the name of the rules of a built-in alert: `AetherNodeLoopLag` for `node.loop_lag`."""
    return "Aether" + "".join(word.capitalize() for word in metric.replace(".", "_").split("_"))


def alert_rules() -> tuple[PromRule, ...]:
    """Return every rule: those of the built-in alerts in their order, then those of the scrape."""
    built_in = (
        made
        for metric, rule in RULES.items()
        if metric in CONDITIONS
        for made in _rules_of(metric, rule, CONDITIONS[metric])
    )
    return (*built_in, *_OF_THE_SCRAPE)


def _rules_of(metric: str, rule: Rule, condition: Condition) -> Iterator[PromRule]:
    bounds = rule.bounds
    for severity, bound in (("warning", bounds.warning), ("critical", bounds.critical)):
        if bound is None:
            continue
        relation, beyond = (">=", "<") if bounds.direction == "above" else ("<=", ">")
        worse = bounds.critical if severity == "warning" else None
        # Beyond the bound of the critical one, only that fires.
        besides = "" if worse is None else f" {beyond} {worse:g}"
        yield PromRule(
            alert=alert_name(metric),
            query=f"{condition.query} {relation} {bound:g}{besides}",
            for_s=int(bounds.for_s),
            severity=severity,
            summary=f"{rule.says}: {relation} {bound:g} {rule.unit}".rstrip(),
            runbook=runbook_of(metric),
            labels=condition.labels,
            inputs=tuple(_bad(one, severity) for one in condition.inputs),
        )


def _bad(one: Input, severity: str) -> tuple[str, float, float]:
    return one.series, one.well, one.critical if severity == "critical" else one.warning


_UP = 'up{job="aether",instance="node-1"}'
_NODE = {"job": "aether", "instance": "node-1"}
_KNOWN = "|".join(sorted(CONDITIONS)).replace(".", "[.]")
_INCOMPLETE = "runbooks/metrics-incomplete.md"

_OF_THE_SCRAPE = (
    PromRule(
        alert="AetherNodeUnscraped",
        query='up{job="aether"} == 0',
        for_s=60,
        severity="warning",
        summary="a node does not answer Prometheus",
        runbook=_INCOMPLETE,
        labels=_NODE,
        inputs=((_UP, 1, 0),),
    ),
    PromRule(
        alert="AetherNobodyLeads",
        query="max by (job) (aether_store_is_leader) == 0",
        for_s=30,
        severity="critical",
        summary="no node that answers leads: nothing can be changed",
        runbook=runbook_of("cluster.quorum"),
        labels={"job": "aether"},
        inputs=(('aether_store_is_leader{job="aether",instance="node-1"}', 1, 0),),
    ),
    PromRule(
        alert="AetherRouterDown",
        query="aether_router_up == 0",
        for_s=30,
        severity="critical",
        summary="a router process of a node does not answer",
        runbook="runbooks/router-without-node.md",
        labels={**_NODE, "router": "0"},
        inputs=(('aether_router_up{job="aether",instance="node-1",router="0"}', 1, 0),),
    ),
    *(
        PromRule(
            alert="AetherAlert",
            query=f'aether_alert_active{{severity="{severity}",metric!~"{_KNOWN}"}} == 1',
            for_s=0,
            severity=severity,
            summary="an alert of the cluster without a rule of its own here: `aether alert list`",
            runbook=runbook_of("any other"),
            labels={**_NODE, "metric": "node.certificate", "subject": "node-1"},
            inputs=(
                (
                    f'aether_alert_active{{job="aether",instance="node-1",severity="{severity}",'
                    'metric="node.certificate",subject="node-1"}',
                    0,
                    1,
                ),
            ),
        )
        for severity in ("warning", "critical")
    ),
    PromRule(
        alert="AetherMetricsIncomplete",
        query="aether_exposition_dropped_label_sets > 0",
        for_s=60,
        severity="warning",
        summary="a series has more label sets than a node tells",
        runbook=_INCOMPLETE,
        labels={**_NODE, "series": "aether_router_requests"},
        inputs=(
            (
                'aether_exposition_dropped_label_sets{job="aether",instance="node-1",'
                'series="aether_router_requests"}',
                0,
                5,
            ),
        ),
    ),
    PromRule(
        alert="AetherMetricsSourceFails",
        query="increase(aether_exposition_failures_total[2m]) > 0",
        for_s=60,
        severity="warning",
        summary="a part of a node does not tell its series",
        runbook=_INCOMPLETE,
        labels={**_NODE, "source": "store"},
        inputs=(
            (
                'aether_exposition_failures_total{job="aether",instance="node-1",source="store"}',
                0,
                -1,  # grows: see alert_tests
            ),
        ),
    ),
)
