"""What `reconcile` returns: commands, each with its reason, and what carrying them out would do."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.reason import Reason
from aether.core.model.records import TargetRecord, VerdictRecord, WantedRecord
from aether.core.model.view import ClusterView


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
    pattern: str
    because: Reason


Command = Judge | SetTarget | DropTarget | Wish | Forget | DropRoute


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands in order, and why things that look undone are left so."""

    commands: tuple[Command, ...] = ()
    waiting: tuple[str, ...] = field(default=())
    """Sentences for people: what is not done now, and what it waits for."""


def carry_out(view: ClusterView, commands: Iterable[Command]) -> ClusterView:
    """Return the view as the commands would leave it; facts of nodes stay as they are."""
    verdicts, targets = dict(view.verdicts), dict(view.targets)
    wanted, phases, routes = dict(view.wanted), dict(view.phases), dict(view.routes)
    for command in commands:
        match command:
            case Judge(node, verdict):
                verdicts[node] = verdict
            case SetTarget(base, target):
                targets[base] = target
            case DropTarget(base):
                targets.pop(base, None)
            case Wish(node, instance, wish):
                wanted[node, instance] = wish
            case Forget(node, instance):
                wanted.pop((node, instance), None)
                phases.pop((node, instance), None)
            case DropRoute(method, pattern):
                routes.pop((method, pattern), None)
    return replace(
        view, verdicts=verdicts, targets=targets, wanted=wanted, phases=phases, routes=routes
    )
