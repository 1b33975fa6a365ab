"""What `reconcile` returns: commands, each with its reason, and what carrying them out would do."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.provision_records import ProvisionedRecord, ProvisionRecord
from aether.core.model.reason import Reason
from aether.core.model.records import (
    PhaseRecord,
    RouteRecord,
    TargetRecord,
    TrafficRecord,
    VerdictRecord,
    WantedRecord,
)
from aether.core.model.slice_view import Changes
from aether.core.model.view import ClusterView, Placed


@dataclass(frozen=True, slots=True)
class Judge:
    """Give a node a verdict."""

    node: NodeId
    record: VerdictRecord
    because: Reason


@dataclass(frozen=True, slots=True)
class SetTarget:
    """Want this many instances of this version of a slice."""

    base: SliceBase
    record: TargetRecord
    because: Reason


@dataclass(frozen=True, slots=True)
class DropTarget:
    """The slice is gone; so is its data when `purge`."""

    base: SliceBase
    purge: bool
    because: Reason


@dataclass(frozen=True, slots=True)
class Wish:
    """Want an instance on a node in some state: a placement when there was no wish before."""

    node: NodeId
    instance: InstanceId
    record: WantedRecord
    because: Reason


@dataclass(frozen=True, slots=True)
class Forget:
    """The instance is gone, or its node is: remove the wish and the fact."""

    node: NodeId
    instance: InstanceId
    because: Reason


@dataclass(frozen=True, slots=True)
class DropRoute:
    """Nobody answers this route any more."""

    method: str
    place: str
    """Its host, which may be empty, and its pattern."""
    because: Reason


@dataclass(frozen=True, slots=True)
class DropTraffic:
    """What said how the requests of a slice are divided is out of date."""

    base: SliceBase
    because: Reason


@dataclass(frozen=True, slots=True)
class Provision:
    """Have the NodeProvider start a node, or try again; the record goes into the store first."""

    node: NodeId
    record: ProvisionRecord
    because: Reason


@dataclass(frozen=True, slots=True)
class DropProvision:
    """The node is there, or will not come."""

    node: NodeId
    because: Reason
    is_by_hand: bool = False
    """Whether a node of this name, there or to come, is none of the provider's."""


AboutSlice = SetTarget | DropTarget | DropRoute | DropTraffic
"""Commands about a slice as a whole."""
Command = Judge | Wish | Forget | Provision | DropProvision | AboutSlice


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands in order, and why things that look undone are left so."""

    commands: tuple[Command, ...] = ()
    waiting: tuple[str, ...] = field(default=())
    """Sentences for people: what is not done now, and what it waits for."""


def carry_out(view: ClusterView, commands: Iterable[Command]) -> ClusterView:
    """Return the view as the commands would leave it; facts of nodes stay as they are."""
    draft = _Tables(
        verdicts=dict(view.verdicts),
        targets=dict(view.targets),
        wanted=dict(view.wanted),
        phases=dict(view.phases),
        routes=dict(view.routes),
        traffic=dict(view.traffic),
        provisions=dict(view.provisions),
        provisioned=dict(view.provisioned),
    )
    changes = Changes()
    for command in commands:
        match command:
            case Wish() | Forget():
                changes.placed.add((command.node, command.instance))
                _change_instance(draft, command)
            case Judge() | Provision() | DropProvision():
                changes.nodes.add(command.node)
                _change_node(draft, command)
            case SetTarget() | DropTarget() | DropRoute() | DropTraffic():
                if isinstance(command, SetTarget | DropTarget):
                    changes.targets.add(command.base)
                _change_slice(draft, command)
    later = replace(
        view,
        verdicts=draft.verdicts,
        targets=draft.targets,
        wanted=draft.wanted,
        phases=draft.phases,
        routes=draft.routes,
        traffic=draft.traffic,
        provisions=draft.provisions,
        provisioned=draft.provisioned,
    )
    return later.after(view, changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    """The tables of a view that commands change."""

    verdicts: dict[NodeId, VerdictRecord]
    targets: dict[SliceBase, TargetRecord]
    wanted: dict[Placed, WantedRecord]
    phases: dict[Placed, PhaseRecord]
    routes: dict[tuple[str, str], RouteRecord]
    traffic: dict[SliceBase, TrafficRecord]
    provisions: dict[NodeId, ProvisionRecord]
    provisioned: dict[NodeId, ProvisionedRecord]


def _change_instance(draft: _Tables, command: Wish | Forget) -> None:
    placed = (command.node, command.instance)
    if isinstance(command, Wish):
        draft.wanted[placed] = command.record
    else:
        draft.wanted.pop(placed, None)
        draft.phases.pop(placed, None)


def _change_node(draft: _Tables, command: Judge | Provision | DropProvision) -> None:
    match command:
        case Judge(node, verdict):
            draft.verdicts[node] = verdict
        case Provision(node, provision, because):
            draft.provisions[node] = provision
            draft.provisioned.setdefault(node, ProvisionedRecord(node=node, because=because.text))
        case DropProvision(node):
            draft.provisions.pop(node, None)
            if command.is_by_hand:
                draft.provisioned.pop(node, None)


def _change_slice(draft: _Tables, command: AboutSlice) -> None:
    match command:
        case SetTarget(base, target):
            draft.targets[base] = target
        case DropTarget(base):
            draft.targets.pop(base, None)
            draft.traffic.pop(base, None)
        case DropRoute(method, place):
            draft.routes.pop((method, place), None)
        case DropTraffic(base):
            draft.traffic.pop(base, None)
