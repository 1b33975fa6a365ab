"""Whether a setting may be changed at run time now, and the guarded write that does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from aether.core.control.admission import Admitted, Rejected
from aether.core.control.overrides import (
    CLUSTER,
    InForce,
    Pair,
    Setting,
    in_force,
    of_slice,
    shown,
    value_problem,
)
from aether.core.model import keys
from aether.core.model.ids import SliceBase
from aether.core.model.nearness import nearest
from aether.core.model.records import ConfigRecord, encode
from aether.core.model.slice_settings import NAME, Overrides, changed_settings, is_of_aether
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, Guard, Put

MAX_SLICE_OVERRIDES = 100
"""Most settings of one slice that are changed at a time."""
MAX_SLICE_BYTES = 256 * 1024
"""Most bytes they have together, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """What Aether itself has to set, and what the deciding node was given."""

    settings: Mapping[str, Setting]
    pairs: Sequence[Pair]
    given: Mapping[str, InForce]


def admit_setting(
    view: ClusterView, registry: Registry, scope: str, name: str, value: object
) -> Admitted | Rejected:
    """Admit giving a setting a value in a scope (`cluster`, `node/X` or `slice/B`)."""
    unknown = unknown_scope(view, scope)
    if unknown:
        return Rejected("not_found", (unknown,))
    if _is_slice(scope) and not is_of_aether(name):
        problem = _slice_problem(view, scope, name, value)
    else:
        problem = _setting_problem(registry, scope, name, value)
    if problem is not None:
        return problem
    record = ConfigRecord(value=value)
    if _same(view.config.get((scope, name)), record):
        return Admitted((), (), f"{name} is {shown(value)} for {scope} already; nothing changes")
    after = {**view.config, (scope, name): record}
    broken = _broken_pair(registry, after, scope, name)
    if broken:
        return Rejected("invalid", (broken,))
    return Admitted(
        (Put(keys.config(scope, name), encode(record)),),
        _guards(view, registry, scope, name),
        f"{name} is {shown(value)} for {scope}",
    )


def admit_no_setting(
    view: ClusterView, registry: Registry, scope: str, name: str
) -> Admitted | Rejected:
    """Admit taking a change back: the next farther value counts again. The scope may be gone by now."""
    if (scope, name) not in view.config and keys.config(scope, name) not in view.unreadable:
        known = [known for where, known in sorted(view.config) if where == scope]
        guess = nearest(name, known)
        hint = f"; did you mean {guess!r}?" if guess and guess != name else ""
        return Admitted((), (), f"{name} was not changed for {scope}; nothing changes{hint}")
    after = {key: record for key, record in view.config.items() if key != (scope, name)}
    broken = _broken_pair(registry, after, scope, name)
    if broken:
        return Rejected("invalid", (broken,))
    return Admitted(
        (Delete(keys.config(scope, name)),),
        _guards(view, registry, scope, name),
        f"{name} is no longer changed for {scope}",
    )


def slice_config(view: ClusterView, base: SliceBase) -> Mapping[str, Any] | None:
    """Return what the blueprint says to a slice; None when no blueprint has it."""
    if base in view.targets:
        return view.targets[base].config
    specs = (spec for record in view.blueprints.values() for spec in record.slices)
    return next((spec.config for spec in specs if spec.artifact.base == base), None)


def _is_slice(scope: str) -> bool:
    return scope.startswith("slice/")


def _same(known: ConfigRecord | None, record: ConfigRecord) -> bool:
    """Whether both are written alike: 1, 1.0 and true are not."""
    return known is not None and encode(known) == encode(record)


def unknown_scope(view: ClusterView, scope: str) -> str:
    """Return what is wrong when the scope's node or slice is not known; empty when it is."""
    kind, _, who = scope.partition("/")
    if kind == "cluster" or (kind == "slice" and slice_config(view, SliceBase(who)) is not None):
        return ""
    known: list[str] = sorted(view.nodes)
    if kind == "slice":
        specs = (spec for record in view.blueprints.values() for spec in record.slices)
        known = sorted({spec.artifact.base for spec in specs})
    return "" if who in known else f"there is no {kind} {who}{guess(who, known)}"


def guess(name: str, known: Sequence[str]) -> str:
    """Return what an unknown name may have meant, or what is known."""
    near = nearest(name, known)
    if near is not None:
        return f"; did you mean {near!r}?"
    return f"; known: {', '.join(known[:30])}" if known else "; there is none"


def _setting_problem(registry: Registry, scope: str, name: str, value: object) -> Rejected | None:
    setting = registry.settings.get(name)
    if setting is None:
        what = f"{name} is no setting that can be changed at run time"
        return Rejected("invalid", (f"{what}{guess(name, sorted(registry.settings))}",))
    if scope.partition("/")[0] not in setting.scopes:
        where = " or ".join(
            "the cluster" if kind == "cluster" else f"a {kind}" for kind in setting.scopes
        )
        return Rejected("invalid", (f"{name} is set for {where}, not for {scope}",))
    problem = setting.problem(value)
    return Rejected("invalid", (problem,)) if problem else None


def _slice_problem(view: ClusterView, scope: str, name: str, value: object) -> Rejected | None:
    if not NAME.fullmatch(name):
        return Rejected(
            "invalid",
            (
                f"{shown(name)} is no name for a slice's setting: a lower-case letter, then at most 63 "
                "lower-case letters, digits, dots, dashes and underscores",
            ),
        )
    problem = value_problem(value)
    if problem:
        return Rejected("invalid", (f"{name} {problem}",))
    changed = changed_settings(view.config).get(SliceBase(scope.removeprefix(of_slice(""))), {})
    after = {**changed, name: value}
    if len(after) > MAX_SLICE_OVERRIDES:
        told = (
            f"{scope} has {len(changed)} changed settings, the most there may be; unset one first"
        )
        return Rejected("invalid", (told,))
    size = len(msgspec.json.encode(after))
    if size > MAX_SLICE_BYTES:
        told = f"the changed settings of {scope} would have {size} bytes; the limit is {MAX_SLICE_BYTES}"
        return Rejected("invalid", (told,))
    return None


def _broken_pair(registry: Registry, after: Overrides, scope: str, name: str) -> str:
    """Return why a change does not go together with what else is in force; empty when it does."""
    for pair in registry.pairs:
        if scope != CLUSTER or name not in (pair.lesser, pair.greater):
            continue
        lesser, greater = (
            in_force(registry.settings[each], after, None, registry.given[each])
            for each in (pair.lesser, pair.greater)
        )
        if not pair.holds(lesser.value, greater.value):
            return (
                f"{pair.lesser} would be {lesser.value:g} ({lesser.origin}) and {pair.greater} "
                f"{greater.value:g} ({greater.origin}): {pair.why}; change the other one first"
            )
    return ""


def _guards(view: ClusterView, registry: Registry, scope: str, name: str) -> tuple[Guard, ...]:
    """Return guards on the setting and on those it must go together with."""
    names = {name}
    for pair in registry.pairs:
        if scope == CLUSTER and name in (pair.lesser, pair.greater):
            names |= {pair.lesser, pair.greater}
    found = (keys.config(scope, each) for each in sorted(names))
    return tuple(Guard(key, view.revisions.get(key, 0)) for key in found)
