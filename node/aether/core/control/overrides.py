"""Which value of a setting is in force: what was changed at run time, nearest first, else what a node was given.

Pure: settings are described by whoever knows them (`aether.config.runtime_settings`). A value in the
store that does not fit its description is passed over, as if it were not there.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.slice_settings import Overrides

Kind = Literal["seconds", "count", "choice", "number", "table"]
"""A `table` holds numbers by name."""

CLUSTER = "cluster"
MAX_VALUE_BYTES = 64 * 1024
"""Longest value of a slice's setting, as JSON."""
MOST_ROWS = 256
"""Names a table may have."""
MAX_DEPTH = 32
"""Lists and objects a value may have inside each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of Aether itself that can be changed at run time."""

    name: str
    kind: Kind
    scopes: tuple[Literal["cluster", "node", "slice"], ...]
    default: Any
    """A number, a text or a table, as the kind says."""
    meaning: str
    low: float = 0
    high: float = 0
    unit: str = ""
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What a value may be, in words."""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.kind == "table":
            bounds = f"from {self.low:g} to {self.high:g} {self.unit}".rstrip()
            return f"an object of at most {MOST_ROWS} names with a number {bounds} each"
        number = "a whole number" if self.kind == "count" else "a number"
        return f"{number} from {self.low:g} to {self.high:g} {self.unit}".rstrip()

    def is_of_kind(self, value: object) -> bool:
        """Whether `value` is a number, text or table as the setting is; true and false are none."""
        kinds = {"choice": (str,), "count": (int,), "table": (dict,)}
        return type(value) in kinds.get(self.kind, (int, float))

    def problem(self, value: object) -> str:
        """Return why `value` does not fit, empty when it does."""
        fits = self.is_of_kind(value)
        if fits and self.kind == "choice":
            fits = value in self.choices
        elif fits and isinstance(value, dict):
            fits = len(value) <= MOST_ROWS and all(map(self._is_within, value.values()))
        elif fits:
            fits = self.low <= value <= self.high  # type: ignore[operator] # a number by now
        return "" if fits else f"{self.name} is {self.allowed}, not {shown(value)}"

    def _is_within(self, number: object) -> bool:
        return type(number) in (int, float) and self.low <= number <= self.high  # type: ignore[operator] # a number by now


@dataclass(frozen=True, slots=True)
class InForce:
    """A value and where it comes from: `default`, `file`, `cluster`, `node/X`, `blueprint` or `slice/B`."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two settings of one scope of which one must stay below the other."""

    lesser: str
    greater: str
    may_equal: bool
    why: str

    def holds(self, lesser: float, greater: float) -> bool:
        """Whether these two values go together."""
        return lesser < greater or (self.may_equal and lesser == greater)


def of_node(node: NodeId | str) -> str:
    """Return the scope of one node."""
    return f"node/{node}"


def of_slice(base: SliceBase | str) -> str:
    """Return the scope of one slice."""
    return f"slice/{base}"


def override(setting: Setting, overrides: Overrides, scope: str) -> InForce | None:
    """Return what `scope` itself says of the setting, None when nothing or nothing that fits."""
    if scope.partition("/")[0] not in setting.scopes:
        return None
    record = overrides.get((scope, setting.name))
    if record is None or setting.problem(record.value):
        return None
    return InForce(record.value, scope)


def in_force(
    setting: Setting, overrides: Overrides, node: NodeId | str | None, given: InForce
) -> InForce:
    """Return the value that counts on a node, or in the cluster when `node` is None.

    Nearest wins: what is set for the node, then for the cluster, then what the node was `given`.
    """
    nearest = override(setting, overrides, of_node(node)) if node is not None else None
    return nearest or override(setting, overrides, CLUSTER) or given


def in_force_for(
    setting: Setting, overrides: Overrides, base: SliceBase, given: InForce
) -> InForce:
    """Return the value that counts for a slice: set for it, or what its blueprint says, or the cluster's.

    `given` is what the blueprint says, or the default of the setting.
    """
    nearest = override(setting, overrides, of_slice(base))
    if nearest is not None or given.origin == "blueprint":
        return nearest or given
    return override(setting, overrides, CLUSTER) or given


def reconciled(pair: Pair, lesser: InForce, greater: InForce) -> tuple[InForce, InForce]:
    """Return two values that go together: one a node was given gives way to one that was set.

    Changes are refused when they do not go together where they are made; the file of another node may
    still contradict them there.
    """
    if pair.holds(lesser.value, greater.value):
        return lesser, greater
    if greater.origin in ("default", "file"):
        return lesser, InForce(lesser.value * 2, lesser.origin)
    return InForce(greater.value / 2, greater.origin), greater


def value_problem(value: object) -> str:
    """Return why a value cannot be a slice's setting, empty when it can."""
    if not _is_shallow(value):
        return f"has more than {MAX_DEPTH} lists and objects inside each other"
    try:
        size = len(msgspec.json.encode(value))
    except (OverflowError, TypeError, ValueError) as problem:
        return f"cannot be kept as JSON: {problem}"
    return f"has {size} bytes as JSON; the limit is {MAX_VALUE_BYTES}" * (size > MAX_VALUE_BYTES)


def _is_shallow(value: object) -> bool:
    level: Collection[object] = (value,)
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level for inner in _inside(outer)]
    return not level


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def shown(value: object) -> str:
    """Return a value as people wrote it, cut to what fits in a sentence."""
    text = repr(value) if isinstance(value, str | int | float | bool) else type(value).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."
