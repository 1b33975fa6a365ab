"""By which figures a slice is scaled: nearest wins, and what somebody said is not learnt over."""

from dataclasses import replace
from typing import Any

import pytest

from aether.config.scaling_settings import (
    MOST_USE,
    advice_hold_s,
    for_slice,
    is_enabled,
    manual_pause_s,
    node_idle_s,
    scales_nodes,
    scaling_settings,
)
from aether.core.model.records import ConfigRecord
from aether.core.model.scaling import Scaling
from aether.core.model.view import ClusterView
from aether.core.scaling.forecast import Mode
from aether.core.scaling.settings import DEFAULTS
from tests.scaling_world import running, scaled
from tests.worlds import SHOP, STOCK

TARGET = "scaling.target_utilisation"
OWN = f"slice/{SHOP}"


def changed(view: ClusterView, **values: Any) -> ClusterView:
    """The view with settings changed: `cluster` or `own`, then the name after `scaling.`."""
    scopes = {"cluster": "cluster", "own": OWN}
    config = {
        (scopes[place], f"scaling.{name}"): ConfigRecord(value=value)
        for key, value in values.items()
        for place, _, name in [key.partition("__")]
    }
    return replace(view, config=config)


def test_defaults_are_those_of_the_rules() -> None:
    view = running(2)
    assert scaling_settings(view, SHOP) == DEFAULTS
    assert scaling_settings(ClusterView(), STOCK) == DEFAULTS
    assert (is_enabled(view, SHOP), scales_nodes(view)) == (True, True)
    assert (manual_pause_s(view, SHOP), advice_hold_s(view, SHOP)) == (600.0, 300.0)
    assert node_idle_s(view) == 600.0


@pytest.mark.parametrize(
    ("blueprint", "values", "expected", "origin"),
    [
        (None, {}, DEFAULTS.target_utilisation, "default"),
        (None, {"cluster__target_utilisation": 0.5}, 0.5, "cluster"),
        (0.6, {"cluster__target_utilisation": 0.5}, 0.6, "blueprint"),
        (0.6, {"own__target_utilisation": 0.4, "cluster__target_utilisation": 0.5}, 0.4, OWN),
        (0.6, {"own__target_utilisation": 7}, 0.6, "blueprint"),
    ],
)
def test_nearest_wins(
    blueprint: float | None, values: dict[str, Any], expected: float, origin: str
) -> None:
    record = replace(scaled(2), scaling=Scaling(least=1, most=9, target_utilisation=blueprint))
    view = changed(running(2, record), **values)
    assert for_slice(view, SHOP, TARGET).origin == origin
    found = scaling_settings(view, SHOP)
    assert found.target_utilisation == expected
    assert found.learns is (origin == "default")


def test_forecasts_and_times_are_set_for_one_slice() -> None:
    view = changed(running(2), own__forecast="assist", own__hold_s=5, cluster__down_interval_s=2)
    found = scaling_settings(view, SHOP)
    assert (found.mode, found.hold_s, found.down_interval_s) == (Mode.ASSIST, 5, 2)
    assert scaling_settings(view, STOCK).mode is Mode.SHADOW


def test_a_hold_that_somebody_said_holds_where_headroom_is_learnt() -> None:
    found = scaling_settings(changed(running(2), own__hold_s=900), SHOP)
    assert (found.hold_s, found.holds, found.learns) == (900, True, True)
    assert not scaling_settings(changed(running(2), own__thrift=0.01), SHOP).holds


def test_what_headroom_is_worth_is_set_for_one_slice() -> None:
    view = changed(running(2), own__thrift=0.01, cluster__change_price=1, own__most_utilisation=0.7)
    found = scaling_settings(view, SHOP)
    assert (found.thrift, found.change_price, found.most_utilisation) == (0.01, 1, 0.7)
    assert scaling_settings(view, STOCK).thrift == DEFAULTS.thrift


def test_off_for_the_cluster_is_off_for_all() -> None:
    view = changed(running(2), cluster__enabled="off", own__enabled="on")
    assert not is_enabled(view, SHOP)
    assert not is_enabled(changed(running(2), own__enabled="off"), SHOP)
    assert not scales_nodes(changed(running(2), cluster__nodes="off"))


def test_any_two_settings_leave_something_to_add_instances_for() -> None:
    view = changed(running(2), own__target_utilisation=0.95, own__dead_band=0.2)
    found = scaling_settings(view, SHOP)
    assert found.target_utilisation + found.dead_band == pytest.approx(MOST_USE)
    assert found.dead_band < 0.2
