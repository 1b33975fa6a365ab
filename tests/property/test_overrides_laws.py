"""Laws of settings changed at run time: nearest wins, unset restores, other scopes never matter."""

from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from aether.config.runtime_settings import (
    PAIRS,
    SETTINGS,
    Effective,
    all_in_force,
    control_settings,
    given_to,
)
from aether.core.control.admission import Admitted
from aether.core.control.config_admission import Registry, admit_no_setting, admit_setting
from aether.core.control.overrides import Setting, in_force
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import ConfigRecord, decode
from aether.core.model.slice_settings import changed_settings, slice_settings
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, Put
from tests.worlds import SHOP, node_record, nodes, spec, with_blueprint

N1 = NodeId("n1")
SCOPES = ("cluster", "node/n1", "node/n2", f"slice/{SHOP}", "slice/org.example:other")
REGISTRY = Registry(settings=SETTINGS, pairs=PAIRS, given=given_to(None))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
Overrides = Mapping[tuple[str, str], ConfigRecord]


def fitting(setting: Setting) -> st.SearchStrategy[Any]:
    match setting.kind:
        case "choice":
            return st.sampled_from(setting.choices)
        case "count":
            return st.integers(int(setting.low), int(setting.high))
        case "seconds" | "number":
            return st.floats(setting.low, setting.high)
        case "table":
            numbers = st.floats(setting.low, setting.high)
            return st.dictionaries(st.text(max_size=9), numbers, max_size=4)


@st.composite
def any_overrides(draw: st.DrawFn) -> Overrides:
    """Whatever may stand in the store, sense or nonsense."""
    names = st.sampled_from([*sorted(SETTINGS), "limit", "Odd Name"])
    places = draw(st.lists(st.tuples(st.sampled_from(SCOPES), names), unique=True, max_size=12))
    found = {}
    for place in places:
        values = fitting(SETTINGS[place[1]]) | JSON if place[1] in SETTINGS else JSON
        found[place] = ConfigRecord(value=draw(values))
    return found


SETTING = st.sampled_from(sorted(SETTINGS.values(), key=lambda setting: setting.name))


@given(any_overrides(), SETTING, st.data())
def test_nearest_wins(overrides: Overrides, setting: Setting, data: st.DataObject) -> None:
    value = data.draw(fitting(setting))
    scope = "node/n1" if "node" in setting.scopes else "cluster"
    found = in_force(
        setting,
        {**overrides, (scope, setting.name): ConfigRecord(value=value)},
        N1,
        given_to(None)[setting.name],
    )
    assert (found.value, found.origin) == (value, scope)


@given(any_overrides(), SETTING)
def test_what_is_in_force_always_fits(overrides: Overrides, setting: Setting) -> None:
    found = in_force(setting, overrides, N1, given_to(None)[setting.name])
    assert setting.problem(found.value) == ""


@given(any_overrides(), any_overrides())
def test_scopes_that_do_not_hold_the_node_never_matter(one: Overrides, other: Overrides) -> None:
    far = {place: record for place, record in other.items() if place[0] not in SCOPES[:2]}
    near = {place: record for place, record in one.items() if place[0] in SCOPES[:2]}
    assert all_in_force({**near, **far}, N1, given_to(None)) == all_in_force(
        near, N1, given_to(None)
    )
    effective = Effective(node_record("n1"))
    assert effective.log_level({**near, **far}) == effective.log_level(near)
    assert effective.capacity({**near, **far}) == effective.capacity(near)


@given(any_overrides())
def test_whatever_is_in_the_store_the_leaders_settings_go_together(overrides: Overrides) -> None:
    found = control_settings(ControlSettings(), overrides)
    assert found.suspect_after_s < found.lost_after_s
    assert found.backoff_first_s <= found.backoff_most_s
    assert control_settings(found, overrides) == found, "once is enough"


@given(any_overrides(), any_overrides())
def test_slices_see_their_own_changes_and_the_blueprints_rest(
    overrides: Overrides, others: Overrides
) -> None:
    blueprint = {"limit": 1, "currency": "EUR"}
    mine = {place: r for place, r in overrides.items() if place[0] == f"slice/{SHOP}"}
    far = {place: r for place, r in others.items() if place[0] != f"slice/{SHOP}"}
    changed = changed_settings({**mine, **far}).get(SHOP, {})
    assert changed == changed_settings(mine).get(SHOP, {})
    seen = msgspec.json.decode(slice_settings(blueprint, changed))
    assert seen.keys() == {*blueprint, *changed}
    assert slice_settings(blueprint, {}) == slice_settings(
        blueprint, changed_settings({}).get(SHOP, {})
    )


def carried_out(view: ClusterView, decision: Admitted) -> ClusterView:
    config = dict(view.config)
    for operation in decision.then:
        place = keys.read_config(operation.key)  # type: ignore[union-attr] # puts and deletes have a key
        match operation:
            case Put():
                config[place] = decode(operation.value, ConfigRecord)
            case Delete():
                del config[place]
    base = with_blueprint(nodes("n1", "n2"), spec(f"{SHOP}:1.0.0"))
    return ClusterView(nodes=base.nodes, blueprints=base.blueprints, config=config)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(SCOPES), SETTING, st.booleans(), st.data()), max_size=8))
def test_admitted_changes_keep_the_cluster_sound_and_unset_restores(
    asked: list[tuple[str, Setting, bool, st.DataObject]],
) -> None:
    view = carried_out(ClusterView(), Admitted((), (), ""))
    for scope, setting, is_set, data in asked:
        if is_set:
            value = data.draw(fitting(setting) | JSON)
            decision = admit_setting(view, REGISTRY, scope, setting.name, value)
        else:
            decision = admit_no_setting(view, REGISTRY, scope, setting.name)
        if not isinstance(decision, Admitted):
            continue
        after = carried_out(view, decision)
        if is_set and decision.changed and (scope, setting.name) not in view.config:
            undone = admit_no_setting(after, REGISTRY, scope, setting.name)
            assert isinstance(undone, Admitted)
            assert carried_out(after, undone).config == view.config
        view = after
        for node in (None, N1):
            plain = {
                name: in_force(one, view.config, node, given_to(None)[name])
                for name, one in SETTINGS.items()
            }
            assert plain == all_in_force(view.config, node, given_to(None)), "nothing gave way"
