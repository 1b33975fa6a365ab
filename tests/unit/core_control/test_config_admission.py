"""What may be changed at run time, what is said when it may not, and what is written."""

from dataclasses import replace

import pytest

from aether.config.runtime_settings import PAIRS, SETTINGS, given_to
from aether.core.control.admission import Admitted, Rejected
from aether.core.control.config_admission import (
    MAX_SLICE_OVERRIDES,
    Registry,
    admit_no_setting,
    admit_setting,
    slice_config,
    unknown_scope,
)
from aether.core.model import keys
from aether.core.model.ids import SliceBase
from aether.core.model.records import ConfigRecord, encode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, Guard, Put
from tests.worlds import SHOP, nodes, spec, with_blueprint

REGISTRY = Registry(settings=SETTINGS, pairs=PAIRS, given=given_to(None))
LOST, SUSPECT = "control.lost_after_s", "control.suspect_after_s"


def world(**overrides: object) -> ClusterView:
    """Two nodes and a shop; `overrides` are settings of the cluster, dots written as `__`."""
    view = with_blueprint(nodes("n1", "n2"), spec(f"{SHOP}:1.0.0"))
    config = {
        ("cluster", name.replace("__", ".")): ConfigRecord(value=value)
        for name, value in overrides.items()
    }
    revisions = {keys.config(*place): 40 + number for number, place in enumerate(sorted(config))}
    return replace(view, config=config, revisions=revisions)


def said(decision: Admitted | Rejected, code: str) -> str:
    assert isinstance(decision, Rejected), decision
    assert decision.code == code
    return " ".join(decision.problems)


def test_a_change_is_one_guarded_write() -> None:
    decision = admit_setting(world(), REGISTRY, "node/n1", "log.level", "debug")
    assert isinstance(decision, Admitted)
    key = keys.config("node/n1", "log.level")
    assert decision.then == (Put(key, encode(ConfigRecord(value="debug"))),)
    assert decision.guards == (Guard(key, 0),)
    assert decision.summary == "log.level is 'debug' for node/n1"


def test_what_must_go_together_is_guarded_together() -> None:
    view = world(control__suspect_after_s=1)
    decision = admit_setting(view, REGISTRY, "cluster", LOST, 9)
    assert isinstance(decision, Admitted)
    assert decision.guards == (
        Guard(keys.config("cluster", LOST), 0),
        Guard(keys.config("cluster", SUSPECT), 40),
    )


def test_the_same_again_changes_nothing_but_another_kind_of_number_does() -> None:
    view = world(control__lost_after_s=9)
    same = admit_setting(view, REGISTRY, "cluster", LOST, 9)
    assert isinstance(same, Admitted)
    assert not same.changed
    other = admit_setting(view, REGISTRY, "cluster", LOST, 9.0)
    assert isinstance(other, Admitted)
    assert other.changed


@pytest.mark.parametrize(
    ("scope", "name", "value", "problem"),
    [
        ("cluster", "control.lost_after", 9, "did you mean 'control.lost_after_s'?"),
        ("cluster", LOST, "9", "a number from 0.5 to 3600 s, not '9'"),
        ("cluster", LOST, 4000, "a number from 0.5 to 3600 s, not 4000"),
        ("cluster", LOST, True, "not True"),
        ("cluster", LOST, 2, "control.suspect_after_s would be 2 (default)"),
        ("cluster", SUSPECT, 5, "a node is doubted before it is given up"),
        ("cluster", "control.backoff_first_s", 31, "the first wait is the shortest"),
        ("node/n1", LOST, 9, "is set for the cluster, not for node/n1"),
        ("cluster", "node.capacity", 9, "is set for a node, not for cluster"),
        (f"slice/{SHOP}", "Currency", 1, "is no name for a slice's setting"),
        (f"slice/{SHOP}", "x" * 65, 1, "is no name for a slice's setting"),
        (f"slice/{SHOP}", "note", "x" * 70_000, "the limit is 65536"),
    ],
)
def test_what_cannot_be_is_refused(scope: str, name: str, value: object, problem: str) -> None:
    assert problem in said(admit_setting(world(), REGISTRY, scope, name, value), "invalid")


def test_unknown_places_are_not_found_and_guessed() -> None:
    refused = admit_setting(world(), REGISTRY, "node/n3", "log.level", "info")
    assert "there is no node n3" in said(refused, "not_found")
    gone = admit_setting(world(), REGISTRY, "slice/org.example:shpo", "a", 1)
    assert "there is no slice org.example:shpo" in said(gone, "not_found")
    assert unknown_scope(world(), "cluster") == unknown_scope(world(), f"slice/{SHOP}") == ""


def test_a_change_is_taken_back_also_when_its_place_is_gone() -> None:
    place = ("node/n9", "log.level")
    view = replace(world(), config={place: ConfigRecord(value="debug")})
    decision = admit_no_setting(view, REGISTRY, *place)
    assert isinstance(decision, Admitted)
    assert decision.then == (Delete(keys.config(*place)),)
    nothing = admit_no_setting(view, REGISTRY, "node/n9", "log.levle")
    assert isinstance(nothing, Admitted)
    assert not nothing.changed
    assert "did you mean 'log.level'?" in nothing.summary


def test_a_change_is_not_taken_back_when_the_rest_would_contradict_itself() -> None:
    view = world(control__suspect_after_s=8, control__lost_after_s=20)
    refused = admit_no_setting(view, REGISTRY, "cluster", LOST)
    assert "control.lost_after_s 5 (default)" in said(refused, "invalid")
    assert isinstance(admit_no_setting(view, REGISTRY, "cluster", SUSPECT), Admitted)


def test_an_unreadable_change_can_be_taken_back() -> None:
    key = keys.config("cluster", LOST)
    view = replace(world(), unreadable={key: "not JSON"}, revisions={key: 7})
    decision = admit_no_setting(view, REGISTRY, "cluster", LOST)
    assert isinstance(decision, Admitted)
    assert Guard(key, 7) in decision.guards


def test_a_slice_has_so_many_changes_and_no_more() -> None:
    scope = f"slice/{SHOP}"
    full = {
        (scope, f"name{number}"): ConfigRecord(value=number)
        for number in range(MAX_SLICE_OVERRIDES)
    }
    view = replace(world(), config=full)
    assert "unset one first" in said(admit_setting(view, REGISTRY, scope, "more", 1), "invalid")
    assert isinstance(admit_setting(view, REGISTRY, scope, "name0", "other"), Admitted)
    big = {(scope, f"name{number}"): ConfigRecord(value="x" * 60_000) for number in range(4)}
    view = replace(world(), config=big)
    refused = admit_setting(view, REGISTRY, scope, "more", "x" * 60_000)
    assert "the limit is 262144" in said(refused, "invalid")


def test_the_blueprint_says_what_a_slice_has() -> None:
    priced = replace(spec(f"{SHOP}:1.0.0"), config={"currency": "EUR"})
    assert slice_config(with_blueprint(nodes(), priced), SHOP) == {"currency": "EUR"}
    assert slice_config(nodes(), SHOP) is None
    assert slice_config(nodes(), SliceBase("a:b")) is None
