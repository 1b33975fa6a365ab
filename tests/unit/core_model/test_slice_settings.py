"""What a slice is given as its config."""

from aether.core.model.ids import SliceBase
from aether.core.model.records import ConfigRecord
from aether.core.model.slice_settings import (
    are_same,
    changed_settings,
    settings_digest,
    slice_settings,
)

SHOP = SliceBase("org.example:shop")


def test_what_was_changed_stands_for_the_blueprints_whole_value() -> None:
    given = {"limits": {"low": 1, "high": 2}, "currency": "EUR"}
    settings = slice_settings(given, {"limits": {"low": 5}})
    assert settings == b'{"currency":"EUR","limits":{"low":5}}'


def test_equal_settings_have_equal_bytes_and_digests() -> None:
    one = slice_settings({"a": 1, "b": {"x": 1, "y": 2}}, {})
    other = slice_settings({"b": {"y": 2, "x": 1}}, {"a": 1})
    assert one == other
    assert settings_digest(one) == settings_digest(other)
    assert settings_digest(one) != settings_digest(slice_settings({"a": 2}, {}))


def test_changes_of_other_scopes_and_impossible_names_are_passed_over() -> None:
    record = ConfigRecord(value=1)
    overrides = {
        ("cluster", "control.settle_s"): record,
        ("node/n1", "log.level"): record,
        (f"slice/{SHOP}", "limit"): record,
        (f"slice/{SHOP}", "No Name"): record,
    }
    assert changed_settings(overrides) == {SHOP: {"limit": 1}}


def test_settings_are_the_same_only_with_values_of_the_same_types() -> None:
    assert are_same({}, {})
    assert are_same({"a": 1, "b": [True, None]}, {"b": [True, None], "a": 1})
    for one, other in ((1, True), (1, 1.0), (0, False), ([1], [True]), ({"b": 0}, {"b": 0.0})):
        assert not are_same({"a": one}, {"a": other})
    assert not are_same({"a": None}, {})
