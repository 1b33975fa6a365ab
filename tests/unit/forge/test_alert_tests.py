"""Each rule has a test: well before, firing at the end of its cause, resolved after."""

from aether_forge.observability.alert_tests import GROWS, STEP_S, WELL_STEPS, alert_tests
from aether_forge.observability.alerts import alert_rules


def test_every_rule_is_tested_before_during_and_after() -> None:
    tests = alert_tests()
    assert isinstance(tests, dict)
    assert len(tests["tests"]) == len(alert_rules())
    for rule, test in zip(alert_rules(), tests["tests"], strict=True):
        before, during, after = test["alert_rule_test"]
        assert [bool(one["exp_alerts"]) for one in (before, during, after)] == [False, True, False]
        assert int(during["eval_time"][:-1]) >= WELL_STEPS * STEP_S + rule.for_s
        assert during["exp_alerts"][0]["exp_annotations"]["runbook"] == rule.runbook


def test_a_counter_grows_while_its_cause_lasts_and_stands_still_after() -> None:
    (rule,) = [rule for rule in alert_rules() if any(bad == GROWS for _, _, bad in rule.inputs)]
    tests = alert_tests()
    assert isinstance(tests, dict)
    (test,) = [one for one in tests["tests"] if one["name"].startswith(rule.alert)]
    (series,) = test["input_series"]
    well, growing, still = series["values"].split()
    assert well == f"0x{WELL_STEPS}"
    assert growing.startswith("1+1x")
    assert still.partition("x")[0] == str(rule.for_s // STEP_S + 4)
