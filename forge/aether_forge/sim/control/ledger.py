"""The truth, change by change: every record as committed, indexed for those who judge each commit."""

from collections.abc import MutableMapping
from typing import Any

from aether.core.control.removal import is_leaving
from aether.core.model import keys
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.records import (
    BlueprintRecord,
    EpochRecord,
    NodeRecord,
    PhaseRecord,
    TargetRecord,
    VerdictRecord,
    WantedRecord,
    decode,
)
from aether.core.model.view import ClusterView, Placed
from aether.core.store.commands import Change, Entry


def stays(wish: WantedRecord) -> bool:
    """Whether an instance is wanted and not on its way out; a parked one stays."""
    return not is_leaving(wish)


class Ledger:
    """Records by key, always as of the last commit."""

    def __init__(self) -> None:
        self.nodes: dict[NodeId, NodeRecord] = {}
        self.verdicts: dict[NodeId, VerdictRecord] = {}
        self.blueprints: dict[SliceBase, BlueprintRecord] = {}
        self.targets: dict[SliceBase, TargetRecord] = {}
        self.wanted: dict[Placed, WantedRecord] = {}
        self.phases: dict[Placed, PhaseRecord] = {}
        self.epoch: EpochRecord | None = None
        self.wanted_of: dict[SliceBase, dict[Placed, WantedRecord]] = {}
        """`wanted` by slice."""

    def take(self, change: Change) -> None:
        """Take one change in."""
        key, entry = change.key, change.entry
        family, _, rest = key.partition("/")
        match family:
            case "node":
                _put(self.nodes, NodeId(rest), entry, NodeRecord)
            case "verdict":
                _put(self.verdicts, NodeId(rest), entry, VerdictRecord)
            case "blueprint":
                _put(self.blueprints, SliceBase(rest), entry, BlueprintRecord)
            case "target":
                _put(self.targets, SliceBase(rest), entry, TargetRecord)
            case "wanted":
                placed = keys.read_placed(key, keys.WANTED)
                _put(self.wanted, placed, entry, WantedRecord)
                of = self.wanted_of.setdefault(placed[1].base, {})
                _put(of, placed, entry, WantedRecord)
            case "phase":
                _put(self.phases, keys.read_placed(key, keys.PHASES), entry, PhaseRecord)
            case "control":
                self.epoch = decode(entry.value, EpochRecord) if entry else None
            case _:
                pass

    def view(self) -> ClusterView:
        """Return the records as a view; it lives with the ledger, so ask for it anew."""
        return ClusterView(
            nodes=self.nodes,
            verdicts=self.verdicts,
            blueprints=self.blueprints,
            targets=self.targets,
            wanted=self.wanted,
            phases=self.phases,
            epoch=self.epoch,
        )


def _put(table: MutableMapping[Any, Any], name: object, entry: Entry | None, kind: type) -> None:
    if entry is None:
        table.pop(name, None)
    else:
        table[name] = decode(entry.value, kind)
