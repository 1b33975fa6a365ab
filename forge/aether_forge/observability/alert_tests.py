"""Tests of the alert rules, for `promtool test rules`: each fires by its cause, and resolves when it is gone."""

from aether_forge.observability.alerts import PromRule, alert_rules
from aether_forge.observability.yaml_text import Value

STEP_S = 15
WELL_STEPS = 8
"""Steps before anything is wrong."""
_SETTLE_S = 120
"""How long after the end of a cause its alert must be gone; rates look back so far."""
GROWS = -1.0
"""Stands for a counter that grows by one each step."""


def alert_tests() -> Value:
    """Return the tests as promtool reads them."""
    return {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": f"{STEP_S}s",
        "tests": [_test(rule) for rule in alert_rules()],
    }


def _test(rule: PromRule) -> Value:
    bad_steps = rule.for_s // STEP_S + 4
    began = WELL_STEPS * STEP_S
    ended = began + bad_steps * STEP_S
    return {
        "name": f"{rule.alert}, {rule.severity}",
        "interval": f"{STEP_S}s",
        "input_series": [
            {"series": series, "values": _values(well, bad, bad_steps)}
            for series, well, bad in rule.inputs
        ],
        "alert_rule_test": [
            _expect(rule, began, fires=False),
            _expect(rule, ended, fires=True),
            _expect(rule, ended + _SETTLE_S + 2 * STEP_S, fires=False),
        ],
    }


def _values(well: float, bad: float, bad_steps: int) -> str:
    after = _SETTLE_S // STEP_S + 8
    if bad == GROWS:
        last = well + bad_steps
        return f"{well:g}x{WELL_STEPS} {well + 1:g}+1x{bad_steps - 1} {last:g}x{after}"
    return f"{well:g}x{WELL_STEPS} {bad:g}x{bad_steps - 1} {well:g}x{after}"


def _expect(rule: PromRule, at_s: int, *, fires: bool) -> Value:
    labels = {**rule.labels, "severity": rule.severity}
    firing = {"exp_labels": labels, "exp_annotations": rule.annotations}
    test: dict[str, Value] = {"eval_time": f"{at_s}s", "alertname": rule.alert}
    test["exp_alerts"] = [firing] if fires else []
    return test
