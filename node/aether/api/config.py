"""Calls about settings changed at run time: what is in force, where it comes from, and changing it."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, LIST, Endpoint, v1
from aether.api.paging import page
from aether.api.views import Change, read_view, submit
from aether.config.runtime_settings import PAIRS, SETTINGS, all_in_force, given_to
from aether.config.scaling_settings import for_slice
from aether.core.control.config_admission import (
    Registry,
    admit_no_setting,
    admit_setting,
    guess,
    slice_config,
    unknown_scope,
)
from aether.core.control.overrides import (
    CLUSTER,
    MAX_VALUE_BYTES,
    InForce,
    Setting,
    of_slice,
)
from aether.core.model.ids import NodeId, SliceBase, parse_node_id, parse_slice_base
from aether.core.model.records import to_plain
from aether.core.model.slice_settings import changed_settings
from aether.core.model.view import ClusterView
from aether.core.store.commands import Consistency
from aether.errors import Invalid, NotFound

BODY_BYTES = 2 * MAX_VALUE_BYTES
"""A value written with blanks and escapes may be longer than it is in the store."""
MOST_ROWS = 100
"""Most settings in one answer, whatever was asked: a value may have 64 KiB."""
_SCOPES = "cluster, node/NODE or slice/GROUP:NAME"

Row = dict[str, Any]


class Value(BaseModel):
    """What a setting is to be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    value: Any = Field(description="a JSON value, within the bounds of the setting")


async def list_settings(context: Context, call: Call) -> Answer:
    """Answer with the settings in force in a scope; without one, the cluster's and all that was changed."""
    scope = call.query.get("scope", "")
    if scope:
        _check_scope(scope)
    view = await read_view(context.store, call.consistency)
    rows = _known_rows(context, view, scope) if scope else _all_rows(context, view)
    found = sorted((f"{row['scope']}/{row['name']}", row) for row in rows)
    limit = min(call.limit, MOST_ROWS)
    return Answer(value=page(found, call.query.get("cursor"), limit, lambda row: row))


async def get_setting(context: Context, call: Call) -> Answer:
    """Answer with one setting as it counts in a scope."""
    scope, name = _place(call)
    view = await read_view(context.store, call.consistency)
    rows = {row["name"]: row for row in _known_rows(context, view, scope)}
    if name not in rows:
        raise NotFound(f"{scope} has no setting {name[:100]}{guess(name, sorted(rows))}")
    return Answer(value=rows[name])


async def put_setting(context: Context, call: Call) -> Answer:
    """Give a setting a value in a scope."""
    scope, name = _place(call)
    value = call.json(Value).value
    change = await submit(
        context,
        call,
        lambda view: admit_setting(view, _registry(context, view), scope, name, value),
    )
    return await _changed(context, change, scope, name)


async def delete_setting(context: Context, call: Call) -> Answer:
    """Take a change back: the next farther value counts again."""
    scope, name = _place(call)
    change = await submit(
        context, call, lambda view: admit_no_setting(view, _registry(context, view), scope, name)
    )
    return await _changed(context, change, scope, name)


async def _changed(context: Context, change: Change, scope: str, name: str) -> Answer:
    """Answer with what became of a change, and what is in force now."""
    view = await read_view(context.store, Consistency.LINEARIZABLE)
    rows = {row["name"]: row for row in _rows(context, view, scope)}
    return Answer(value={**to_plain(change), "in_force": rows.get(name)})


def _place(call: Call) -> tuple[str, str]:
    """Return scope and name of a call's path."""
    scope, slash, name = call.params["path"].rpartition("/")
    if not slash or not name:
        raise Invalid(
            f"config/{call.params['path'][:100]} names no setting: {_SCOPES}, then a name"
        )
    _check_scope(scope)
    return scope, name


def _check_scope(scope: str) -> None:
    kind, _, who = scope.partition("/")
    if scope != CLUSTER and kind not in ("node", "slice"):
        raise Invalid(f"{scope[:100]!r} is no scope: expected {_SCOPES}")
    try:
        if kind == "node":
            parse_node_id(who)
        elif kind == "slice":
            parse_slice_base(who)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem


def _registry(context: Context, view: ClusterView) -> Registry:
    """Return what can be set, and what the leader was given: its patience is that of the cluster."""
    leader = context.store.leader or context.node
    return Registry(settings=SETTINGS, pairs=PAIRS, given=given_to(view.nodes.get(leader)))


def _all_rows(context: Context, view: ClusterView) -> Iterator[Row]:
    yield from _rows(context, view, CLUSTER)
    for scope in sorted({scope for scope, _ in view.config if scope != CLUSTER}):
        yield from (row for row in _rows(context, view, scope) if row["origin"] == scope)


def _known_rows(context: Context, view: ClusterView, scope: str) -> Iterator[Row]:
    unknown = unknown_scope(view, scope)
    if unknown and all(changed != scope for changed, _ in view.config):
        raise NotFound(unknown)
    return _rows(context, view, scope)


def _rows(context: Context, view: ClusterView, scope: str) -> Iterator[Row]:
    """Yield every setting as it counts in a scope, sorted by name."""
    kind, _, who = scope.partition("/")
    if kind == "slice":
        yield from _slice_rows(view, SliceBase(who))
        return
    node = NodeId(who) if kind == "node" else None
    given = dict(_registry(context, view).given)
    if node is not None:
        own = given_to(view.nodes.get(node))
        given |= {name: own[name] for name in own if "node" in SETTINGS[name].scopes}
    found = all_in_force(view.config, node, given)
    for name in sorted(SETTINGS):
        if node is not None or CLUSTER in SETTINGS[name].scopes:
            yield _row(SETTINGS[name], found[name], scope)


def _row(setting: Setting, found: InForce, scope: str) -> Row:
    return {
        "name": setting.name,
        "scope": scope,
        "value": found.value,
        "origin": found.origin,
        "default": setting.default,
        "unit": setting.unit,
        "allowed": setting.allowed,
        "scopes": list(setting.scopes),
        "meaning": setting.meaning,
    }


def _slice_rows(view: ClusterView, base: SliceBase) -> Iterator[Row]:
    yield from _own_slice_rows(view, base)
    for name in sorted(name for name in SETTINGS if "slice" in SETTINGS[name].scopes):
        yield _row(SETTINGS[name], for_slice(view, base, name), of_slice(base))


def _own_slice_rows(view: ClusterView, base: SliceBase) -> Iterator[Row]:
    given = slice_config(view, base) or {}
    changed = changed_settings(view.config).get(base, {})
    for name in sorted({*given, *changed}):
        yield {
            "name": name,
            "scope": of_slice(base),
            "value": changed.get(name, given.get(name)),
            "origin": of_slice(base) if name in changed else "blueprint",
            "default": given.get(name),
            "unit": "",
            "allowed": f"JSON of at most {MAX_VALUE_BYTES} bytes",
            "scopes": ["slice"],
            "meaning": "the slice's own",
        }


_ROW = "`name`, `scope`, `value`, `origin`, `default`, `unit`, `allowed`, `scopes`, `meaning`"
_CHANGE = "`changed`, `revision`, `summary`, and what is `in_force` now"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("config"), name="config.list", handler=list_settings,
        answers=f"settings in force: {_ROW}",
        query={
            "scope": "`cluster`, `node/NODE` or `slice/GROUP:NAME`; "
            "left out: the cluster's, and all that was changed for nodes and slices",
            **LIST, **FRESH,
        },
    ),
    Endpoint(
        method="GET", path=v1("config/{path...}"), name="config.get", handler=get_setting,
        answers=f"one setting (`SCOPE/NAME`) as it counts there: {_ROW}", query=FRESH,
    ),
    Endpoint(
        method="PUT", path=v1("config/{path...}"), name="config.put", handler=put_setting,
        answers=_CHANGE, role="operator", leader_only=True, takes="JSON `{value}`", model=Value,
        body_limit=BODY_BYTES,
    ),
    Endpoint(
        method="DELETE", path=v1("config/{path...}"), name="config.delete", handler=delete_setting,
        answers=_CHANGE, role="operator", leader_only=True,
    ),
)  # fmt: skip
