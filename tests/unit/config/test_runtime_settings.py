"""What can be changed at run time, and what of it is in force."""

from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from aether.config.node import ControlConfig, load_config
from aether.config.runtime_settings import (
    CAPACITY,
    DRAIN_GRACE,
    LOG_LEVEL,
    PAIRS,
    SETTINGS,
    Effective,
    all_in_force,
    control_settings,
    given_at_start,
    given_to,
)
from aether.core.control.overrides import InForce
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import NodeId
from aether.core.model.records import ConfigRecord
from tests.worlds import node_record

N1 = NodeId("n1")


def cluster(**values: object) -> dict[tuple[str, str], ConfigRecord]:
    return {
        ("cluster", f"control.{name}"): ConfigRecord(value=value) for name, value in values.items()
    }


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_default_fits_its_own_bounds_and_everything_is_said(name: str) -> None:
    setting = SETTINGS[name]
    assert setting.problem(setting.default) == ""
    assert setting.meaning
    assert setting.scopes


def test_everything_the_leader_goes_by_can_be_changed() -> None:
    known = {name.removeprefix("control.") for name in SETTINGS if name.startswith("control.")}
    mine = {item.name for item in fields(ControlSettings)} - {"has_provider"}
    assert known == mine


@pytest.mark.parametrize("name", sorted(n for n in SETTINGS if n.startswith("control.")))
def test_a_change_reaches_the_field_of_its_name_and_no_other(name: str) -> None:
    setting, field = SETTINGS[name], name.removeprefix("control.")
    base = ControlSettings(has_provider=True)
    value = setting.default + 1
    changed = control_settings(base, {("cluster", name): ConfigRecord(value=value)})
    assert asdict(changed) == {**asdict(base), field: value}


def test_what_the_leader_was_given_counts_where_nothing_was_changed() -> None:
    base = ControlSettings(lost_after_s=60.0, settle_s=9.0)
    assert control_settings(base, {}) is base
    changed = control_settings(base, cluster(settle_s=1))
    assert (changed.lost_after_s, changed.settle_s) == (60.0, 1)


def test_a_file_gives_way_when_it_contradicts_what_was_set() -> None:
    base = ControlSettings(suspect_after_s=2.0, lost_after_s=5.0)
    assert control_settings(base, cluster(suspect_after_s=8)).lost_after_s == 16
    other = ControlSettings(suspect_after_s=10.0, lost_after_s=30.0)
    assert control_settings(other, cluster(lost_after_s=4)).suspect_after_s == 2


def test_a_damaged_change_is_passed_over() -> None:
    base = ControlSettings()
    assert control_settings(base, cluster(lost_after_s="soon", tries_per_node=0)) == base


def test_a_node_tells_what_its_file_gave_it(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('node_id = "n1"\ncapacity = 9\n[control]\nlost_after_s = 30.0\n')
    config = load_config({"config": str(file)}, {"AETHER_LOG__LEVEL": "warning"})
    told = given_at_start(config)
    assert told == {"control.lost_after_s": 30.0, LOG_LEVEL: "warning", CAPACITY: 9}
    given = given_to(replace(node_record("n1"), given=told))
    assert given["control.lost_after_s"] == InForce(30.0, "file")
    assert given["control.settle_s"] == InForce(ControlConfig().settle_s, "default")
    assert given_to(replace(node_record("n1"), given={LOG_LEVEL: 3}))[LOG_LEVEL].origin == "default"


def test_a_node_goes_by_its_own_settings_then_the_clusters() -> None:
    effective = Effective(replace(node_record("n1", capacity=50), given={LOG_LEVEL: "warning"}))
    assert (effective.drain_grace_s({}), effective.log_level({})) == (10.0, "warning")
    assert effective.capacity({}) == 50
    overrides = {
        ("cluster", DRAIN_GRACE): ConfigRecord(value=3),
        ("node/n1", DRAIN_GRACE): ConfigRecord(value=1.5),
        ("node/n2", LOG_LEVEL): ConfigRecord(value="debug"),
        ("cluster", LOG_LEVEL): ConfigRecord(value="error"),
        ("node/n1", CAPACITY): ConfigRecord(value=0),
    }
    assert effective.drain_grace_s(overrides) == 1.5
    assert effective.log_level(overrides) == "error"
    assert effective.capacity(overrides) == 0


def test_all_that_is_in_force_names_where_it_comes_from() -> None:
    found = all_in_force(cluster(suspect_after_s=8), N1, given_to(None))
    assert found["control.suspect_after_s"] == InForce(8, "cluster")
    assert found["control.lost_after_s"] == InForce(16, "cluster")
    assert found[CAPACITY] == InForce(200, "default")
    assert all(pair.holds(found[pair.lesser].value, found[pair.greater].value) for pair in PAIRS)
