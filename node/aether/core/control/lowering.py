"""From commands to guarded transactions: a stale leader, or a stale view, cannot land one.

Commands of one plan are carried out in waves: what makes room and what changes targets is committed
before anything is placed, and what is dropped with its last user after that. So the bounds of a plan
hold at each of its commits, not only at its end.
"""

from collections.abc import Iterable
from dataclasses import replace as with_values

from msgspec.structs import replace

from aether.core.control.targets import listed_slices
from aether.core.model import keys
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import (
    AboutSlice,
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
from aether.core.model.provision_records import ProvisionedRecord
from aether.core.model.reason import Reason
from aether.core.model.records import EpochRecord, Verdict, encode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, DeletePrefix, Guard, Operation, Put, Txn

_ENDS_THE_HOST = frozenset({Desired.UNLOAD, Desired.LOAD})
"""Wishes for an instance there is that end its process at once; to load it again begins with its end."""


def lower(command: Command, view: ClusterView, epoch_revision: int) -> Txn:
    """Return the transaction for one command.

    It holds while this leadership stands (`control/epoch` unchanged) and while every key it
    writes is as the view showed it; a wish also while its target is, a new instance while the
    verdict on its node is, and an end without draining, to begin anew or for good, while the fact of
    the instance is. What takes away a slice that no blueprint asks for holds while none does, and what
    a drain takes away while the verdict on its node, which holds the order, is.
    """
    operations = _operations(command, view)
    keys_read = [
        *(operation.key for operation in operations if isinstance(operation, Put | Delete)),
        *_read_too(command, view),
    ]
    touched = tuple(Guard(key, view.revisions.get(key, 0)) for key in dict.fromkeys(keys_read))
    return Txn(
        then=operations,
        reason=replace(command.because, actor=f"leader:{_leader(view)}"),
        guards=(Guard(keys.EPOCH, epoch_revision), *touched),
    )


def _read_too(command: Command, view: ClusterView) -> tuple[str, ...]:
    match command:
        case DropTarget(base):
            # How its requests are divided goes with it, and must not be said meanwhile.
            return (keys.traffic(base), *_ask_for(base, view))
        case Wish(node, instance, record):
            target = keys.target(instance.base)
            if _is_new(command, view):
                return (target, keys.verdict(node))
            # Both may be taken back meanwhile: that nobody asks for the slice, and the order to drain.
            orders = _ask_for(instance.base, view)
            if command.because.rule == "drain":
                orders = (*orders, keys.verdict(node))
            if record.desired in _ENDS_THE_HOST:
                # It is ended without draining as it does not serve: it must not have begun to.
                return (target, keys.phase(node, instance), *orders)
            return (target, *orders)
        case _:
            return ()


def _ask_for(base: SliceBase, view: ClusterView) -> tuple[str, ...]:
    """Return the key by which a slice nobody asks for is asked for again: of what owned it."""
    target = view.targets.get(base)
    if target is None or base in listed_slices(view):
        return ()
    return (keys.blueprint(target.owner),)


def _is_new(command: Wish, view: ClusterView) -> bool:
    return (command.node, command.instance) not in view.wanted


def waves(commands: Iterable[Command], view: ClusterView) -> list[list[Command]]:
    """Return the commands in the waves to commit them in, each in the order of the plan.

    First verdicts, targets and provisions; then what changes or takes away instances; then new
    instances; last routes and targets that nobody uses. An instance placed by a stage that did not
    know of its slice's new target is left out: the next look places it. So is the verdict that a node
    is empty while what leads there is still to be committed.
    """
    found: list[list[Command]] = [[], [], [], []]
    placed: dict[SliceBase, list[Command]] = {}
    stale: list[Command] = []
    for command in commands:
        if _is_early(command, view):
            continue
        found[_wave(command, view)].append(command)
        if isinstance(command, Wish) and _is_new(command, view):
            placed.setdefault(command.instance.base, []).append(command)
        elif isinstance(command, SetTarget):
            stale += placed.pop(command.base, [])
    left = set(map(id, stale))
    return [
        kept for wave in found if (kept := [command for command in wave if id(command) not in left])
    ]


def _is_early(command: Command, view: ClusterView) -> bool:
    """Whether a command calls a node empty on which the store still has instances."""
    if not isinstance(command, Judge) or command.record.verdict is not Verdict.DECOMMISSIONED:
        return False
    before = view.verdicts.get(command.node)
    if before is not None and before.verdict is Verdict.DECOMMISSIONED:
        return False  # nothing new is said of its instances
    return any(placed[0] == command.node for placed in (*view.wanted, *view.phases))


def _wave(command: Command, view: ClusterView) -> int:
    match command:
        case Judge() | SetTarget() | Provision() | DropProvision():
            return 0
        case Forget():
            return 1
        case Wish():
            again = (command.node, command.instance) in view.wanted
            return 1 if again else 2
        case DropTarget() | DropRoute() | DropTraffic():
            return 3


def slice_of(command: Command, view: ClusterView) -> SliceBase | None:
    """Return the slice a command is about, None for one about a node."""
    match command:
        case Wish() | Forget():
            return command.instance.base
        case SetTarget() | DropTarget() | DropTraffic():
            return command.base
        case DropRoute():
            route = view.routes.get((command.method, command.place))
            return route.slice if route else None
        case Judge() | Provision() | DropProvision():
            return None


def without_those_behind(
    later: Iterable[list[Command]], behind: Iterable[Command], view: ClusterView
) -> list[list[Command]]:
    """Return the waves without what was decided as if `behind` had been committed.

    That is what concerns the same slice or node, and the whole slice of what is left out: its other
    instances were counted on.
    """
    waves_left = list(later)
    nodes = {node for command in behind if (node := _judged(command)) is not None}
    slices = {base for command in behind if (base := slice_of(command, view)) is not None}
    slices |= {
        command.instance.base
        for wave in waves_left
        for command in wave
        if isinstance(command, Wish | Forget) and command.node in nodes
    }
    kept = [[each for each in wave if slice_of(each, view) not in slices] for wave in waves_left]
    return [wave for wave in kept if wave]


def _judged(command: Command) -> NodeId | None:
    return command.node if isinstance(command, Judge) else None


def with_revisions(view: ClusterView, applied: Iterable[tuple[Txn, int]]) -> ClusterView:
    """Return the view with the revisions that transactions have left: what the next wave is guarded by."""
    revisions = dict(view.revisions)
    for txn, revision in applied:
        for operation in txn.then:
            if isinstance(operation, Put):
                revisions[operation.key] = revision
            elif isinstance(operation, Delete):
                revisions.pop(operation.key, None)
    return with_values(view, revisions=revisions)


def _leader(view: ClusterView) -> str:
    return view.epoch.leader if view.epoch else ""


def _operations(command: Command, view: ClusterView) -> tuple[Operation, ...]:
    match command:
        case Judge() | Provision() | DropProvision():
            return _about_node(command, view)
        case Wish() | Forget():
            return _about_instance(command)
        case SetTarget() | DropTarget() | DropRoute() | DropTraffic():
            return _about_slice(command, view)


def _about_node(
    command: Judge | Provision | DropProvision, view: ClusterView
) -> tuple[Operation, ...]:
    match command:
        case Judge(node, verdict):
            return (Put(keys.verdict(node), encode(verdict)),)
        case Provision(node, provision, because):
            # With the request, so that whoever leads when the node comes knows whose it is.
            asked = Put(keys.provision(node), encode(provision))
            if keys.provisioned(node) in view.revisions:
                return (asked,)
            whose = ProvisionedRecord(node=node, because=because.text)
            return (asked, Put(keys.provisioned(node), encode(whose)))
        case DropProvision(node):
            is_listed = keys.provisioned(node) in view.revisions
            whose_not = command.is_by_hand and is_listed
            gone = (Delete(keys.provisioned(node)),) if whose_not else ()
            return (Delete(keys.provision(node)), *gone)


def _about_instance(command: Wish | Forget) -> tuple[Operation, ...]:
    node, instance = command.node, command.instance
    if isinstance(command, Wish):
        return (Put(keys.wanted(node, instance), encode(command.record)),)
    return (Delete(keys.wanted(node, instance)), Delete(keys.phase(node, instance)))


def _about_slice(command: AboutSlice, view: ClusterView) -> tuple[Operation, ...]:
    match command:
        case SetTarget(base, target):
            return (Put(keys.target(base), encode(target)),)
        case DropTarget(base, purge):
            data: tuple[Operation, ...] = (DeletePrefix(keys.app(base)),) if purge else ()
            traffic = (Delete(keys.traffic(base)),) if keys.traffic(base) in view.revisions else ()
            return (Delete(keys.target(base)), *traffic, *data)
        case DropRoute(method, place):
            return (Delete(keys.route(method, place)),)
        case DropTraffic(base):
            return (Delete(keys.traffic(base)),)


def claim_epoch(view: ClusterView, leader: NodeId) -> Txn:
    """Return the transaction with which a new leader begins its epoch, fencing all before it."""
    epoch = EpochRecord(leader=leader, epoch=(view.epoch.epoch if view.epoch else 0) + 1)
    return Txn(
        then=(Put(keys.EPOCH, encode(epoch)),),
        reason=Reason(f"leader:{leader}", "lead", f"{leader} begins epoch {epoch.epoch}"),
        guards=(Guard(keys.EPOCH, view.revisions.get(keys.EPOCH, 0)),),
    )
