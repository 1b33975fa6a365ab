"""What two generations of a blueprint differ in: slices added and removed, and values changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aether.core.model.ids import SliceBase
from aether.core.model.records import BlueprintRecord, SliceSpec, to_plain
from aether.core.model.slice_settings import are_same

MAX_CHANGES = 1000
"""Most changed values told; further ones are counted in `more`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One value of a slice that is not as it was; None where there was, or is, none."""

    slice: SliceBase
    name: str
    """Path of the value: `instances`, `placement.spread`, `config.currency`."""
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What came, what went and what changed from one generation to another."""

    added: tuple[str, ...]
    """Artifacts of slices that only the later one has."""
    removed: tuple[str, ...]
    changed: tuple[Changed, ...]
    more: int = 0


def difference(before: BlueprintRecord, after: BlueprintRecord) -> Difference:
    """Return what differs; the order of slices and of keys makes no difference."""
    old = {spec.artifact.base: spec for spec in before.slices}
    new = {spec.artifact.base: spec for spec in after.slices}
    changed = [
        found
        for base in sorted(old.keys() & new.keys())
        if old[base] != new[base] or not are_same(old[base].config, new[base].config)
        for found in _changes(base, _values(old[base]), _values(new[base]))
    ]
    return Difference(
        added=tuple(str(new[base].artifact) for base in sorted(new.keys() - old.keys())),
        removed=tuple(str(old[base].artifact) for base in sorted(old.keys() - new.keys())),
        changed=tuple(changed[:MAX_CHANGES]),
        more=max(0, len(changed) - MAX_CHANGES),
    )


def _changes(base: SliceBase, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Changed]:
    return [
        Changed(slice=base, name=name, before=old.get(name), after=new.get(name))
        for name in sorted(old.keys() | new.keys())
        if _differs(old, new, name)
    ]


def _differs(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> bool:
    if (name in old) != (name in new):
        return True
    # 1, 1.0 and True are equal to Python and different to a slice.
    return not are_same({name: old[name]}, {name: new[name]})


def _values(spec: SliceSpec) -> dict[str, Any]:
    """Return the values of a slice by their paths; lists are values."""
    plain = to_plain(spec)
    del plain["artifact"]
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("version", spec.artifact.version), *plain.items()]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{path}.{key}", inner) for key, inner in value.items()]
        else:
            found[path] = value
    return found
