"""A view as admitted writes would leave it, before any of them is made."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from functools import partial
from operator import eq
from typing import Any

from aether.core.model import keys
from aether.core.model.view import ClusterView, project
from aether.core.store.commands import Delete, DeletePrefix, Operation, Put

_NAMES: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    keys.NODES: ("nodes", keys.node),
    keys.VERDICTS: ("verdicts", keys.verdict),
    keys.ARTIFACTS: ("artifacts", keys.artifact),
    keys.BLUEPRINTS: ("blueprints", keys.blueprint),
    keys.TARGETS: ("targets", keys.target),
    keys.WANTED: ("wanted", lambda placed: keys.wanted(*placed)),
    keys.PHASES: ("phases", lambda placed: keys.phase(*placed)),
    keys.ROUTES: ("routes", lambda route: keys.route(*route)),
    keys.TRAFFIC: ("traffic", keys.traffic),
    keys.PROVISIONS: ("provisions", keys.provision),
    keys.PROVISIONED: ("provisioned", keys.provisioned),
    keys.REMOVED: ("removed", keys.removed),
    keys.CONFIG: ("config", lambda name: keys.config(*name)),
}
"""Key family → the table of the view that holds it, and how a name of the table is written as a key."""

_ABOUT_THE_PROJECTION = frozenset({"revision", "revisions", "unreadable"})


def with_changes(view: ClusterView, changes: Iterable[Operation]) -> ClusterView:
    """Return the view after `changes`; keys outside the view's families make no difference.

    Revisions stay as they were: nothing has been committed. Raises ValueError for a record that
    the view could not read: whoever admitted it wrote nonsense.
    """
    for change in changes:
        match change:
            case Put(key, value):
                view = _after_put(view, key, value)
            case Delete(key):
                view = _without(view, key, partial(eq, key))
            case DeletePrefix(prefix):
                view = _without(view, prefix, partial(_begins, prefix))
    return view


def _after_put(view: ClusterView, key: str, value: bytes) -> ClusterView:
    one = project([(key, value, 0)], view.revision)
    if one.unreadable:
        raise ValueError(f"{key}: {one.unreadable[key]}")
    changed: dict[str, Any] = {}  # a table or a single record, as the field is
    for field in fields(ClusterView):
        found = getattr(one, field.name)
        if field.name in _ABOUT_THE_PROJECTION or not found:
            continue
        is_table = isinstance(found, Mapping)
        changed[field.name] = {**getattr(view, field.name), **found} if is_table else found
    return replace(view, **changed)


def _without(view: ClusterView, key: str, is_gone: Callable[[str], bool]) -> ClusterView:
    if is_gone(keys.TOPOLOGY):
        return replace(view, topology=None)
    family = f"{key.partition('/')[0]}/"
    if family not in _NAMES:
        return view
    table, write = _NAMES[family]
    kept = {
        name: record for name, record in getattr(view, table).items() if not is_gone(write(name))
    }
    changed: dict[str, Any] = {table: kept}
    return replace(view, **changed)


def _begins(prefix: str, key: str) -> bool:
    return key.startswith(prefix)
