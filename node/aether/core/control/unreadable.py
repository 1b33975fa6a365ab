"""Records the leader cannot read: whatever they are about stays as it is.

A node of a later version may write what this one does not know, and a record may be damaged. Such a
record is not taken for an absent one: nothing is ended, forgotten, judged or overwritten by what it
may say. A slice is held whole when its target, one of its instances or a node of theirs is concerned.
"""

from collections.abc import Iterator

from aether.core.control.waiting import Waiting
from aether.core.model import keys
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.plan import (
    Command,
    DropProvision,
    DropRoute,
    DropTarget,
    DropTraffic,
    Forget,
    Judge,
    Provision,
    SetTarget,
    Wish,
)
from aether.core.model.records import Verdict
from aether.core.model.view import ClusterView, Placed

MOST_TOLD = 20
"""Unreadable keys that are named; further ones are counted."""


class Held:
    """What must stay as it is, looked up once for a view: `view.once(Held)`."""

    def __init__(self, view: ClusterView) -> None:
        self._view = view
        self._unreadable = view.unreadable
        self._placed = frozenset(_placed(view))
        self._emptying = frozenset(node for node, _ in self._placed)
        self._nodes = frozenset(_nodes(view))
        self.slices = frozenset(self._slices())
        """Slices of which nothing is changed."""

    def _slices(self) -> Iterator[SliceBase]:
        if not self._unreadable:
            return
        for key in self._unreadable:
            if key.startswith(keys.TARGETS):
                yield SliceBase(key.removeprefix(keys.TARGETS))
        for _, instance in self._placed:
            yield instance.base
        for table in (self._view.wanted, self._view.phases):
            for node, instance in table:
                if node in self._nodes:
                    yield instance.base

    def holds(self, command: Command) -> bool:
        """Whether a command would change what is to stay as it is."""
        return bool(self._unreadable) and self._concerns(command)

    def _concerns(self, command: Command) -> bool:
        match command:
            case Wish(node, instance):
                return instance.base in self.slices or node in self._nodes
            case Forget(node, instance):
                return (node, instance) in self._placed or node in self._nodes
            case Judge(node, record):
                empties = record.verdict is Verdict.DECOMMISSIONED and node in self._emptying
                return empties or node in self._nodes
            case SetTarget(base) | DropTarget(base) | DropTraffic(base):
                return base in self.slices
            case DropRoute(method, place):
                route = self._view.routes.get((method, place))
                return route is not None and route.slice in self.slices
            case Provision(node) | DropProvision(node):
                return keys.provision(node) in self._unreadable


def _placed(view: ClusterView) -> Iterator[Placed]:
    """Yield the instances whose wish or fact cannot be read."""
    for key in view.unreadable:
        family = next((each for each in (keys.WANTED, keys.PHASES) if key.startswith(each)), None)
        if family is not None:
            try:
                yield keys.read_placed(key, family)
            except ValueError:
                continue  # the key itself names no instance


def _nodes(view: ClusterView) -> Iterator[NodeId]:
    """Yield the nodes whose registration or verdict cannot be read."""
    for key in view.unreadable:
        for family in (keys.NODES, keys.VERDICTS):
            if key.startswith(family):
                yield NodeId(key.removeprefix(family))


def name_unreadable(view: ClusterView) -> Iterator[Waiting]:
    """Yield a sentence for each record that cannot be read."""
    told = sorted(view.unreadable)
    for key in told[:MOST_TOLD]:
        yield Waiting(
            f"{key} cannot be read, so what it is about stays as it is: {view.unreadable[key]}; "
            "upgrade this node, or write the record anew"
        )
    if len(told) > MOST_TOLD:
        yield Waiting(f"and {len(told) - MOST_TOLD} more records cannot be read")
