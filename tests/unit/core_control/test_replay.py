"""Every rule can be decided again, and only from its own inputs."""

import pytest

from aether.core.control.reconcile import reconcile
from aether.core.control.replay import RULES, reevaluate
from aether.core.control.signals import ControlSettings
from aether.core.model.reason import Reason
from tests.worlds import SHOP, all_heard, nodes, spec, with_blueprint


def test_a_reason_decides_again_what_it_decided() -> None:
    view = with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0", 2))
    plan = reconcile(view, all_heard(view, 50.0), ControlSettings(), 50.0)
    assert len(plan.commands) == 3
    for command in plan.commands:
        assert reevaluate(command.because) == command.because.inputs["decision"]


def test_changed_inputs_decide_something_else() -> None:
    view = with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0", 2))
    first = reconcile(view, all_heard(view, 50.0), ControlSettings(), 50.0).commands[0].because
    changed = Reason("", first.rule, first.text, {**first.inputs, "instances": "5"})
    assert reevaluate(first) == f"set {SHOP}:1.0.0 x 2"
    assert reevaluate(changed) == f"set {SHOP}:1.0.0 x 5"


def test_an_unknown_rule_and_foreign_inputs_are_refused() -> None:
    with pytest.raises(KeyError):
        reevaluate(Reason("", "whim", "because"))
    with pytest.raises(ValueError, match="Asked"):
        reevaluate(Reason("", "target", "because", {"instances": '"many"'}))
    named = {"judge", "drain", "target", "place", "activate", "recover", "remove", "forget"}
    assert RULES.keys() >= named | {"route", "update", "dependency", "provision", "balance"}
