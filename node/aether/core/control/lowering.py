"""From commands to guarded transactions: a stale leader, or a stale view, cannot land one."""

from msgspec.structs import replace

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.plan import (
    Command,
    DropProvision,
    DropRoute,
    DropTarget,
    Forget,
    Judge,
    Provision,
    SetTarget,
    Wish,
)
from aether.core.model.reason import Reason
from aether.core.model.records import EpochRecord, encode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, DeletePrefix, Guard, Operation, Put, Txn


def lower(command: Command, view: ClusterView, epoch_revision: int) -> Txn:
    """Return the transaction for one command.

    It holds while this leadership stands (`control/epoch` unchanged) and while every key it
    writes is as the view showed it.
    """
    operations = _operations(command)
    touched = tuple(
        Guard(operation.key, view.revisions.get(operation.key, 0))
        for operation in operations
        if isinstance(operation, Put | Delete)
    )
    return Txn(
        then=operations,
        reason=replace(command.because, actor=f"leader:{_leader(view)}"),
        guards=(Guard(keys.EPOCH, epoch_revision), *touched),
    )


def _leader(view: ClusterView) -> str:
    return view.epoch.leader if view.epoch else ""


def _operations(command: Command) -> tuple[Operation, ...]:
    match command:
        case Judge() | Provision() | DropProvision():
            return (_about_node(command),)
        case Wish() | Forget():
            return _about_instance(command)
        case SetTarget() | DropTarget() | DropRoute():
            return _about_slice(command)


def _about_node(command: Judge | Provision | DropProvision) -> Operation:
    match command:
        case Judge(node, verdict):
            return Put(keys.verdict(node), encode(verdict))
        case Provision(node, provision):
            return Put(keys.provision(node), encode(provision))
        case DropProvision(node):
            return Delete(keys.provision(node))


def _about_instance(command: Wish | Forget) -> tuple[Operation, ...]:
    node, instance = command.node, command.instance
    if isinstance(command, Wish):
        return (Put(keys.wanted(node, instance), encode(command.record)),)
    return (Delete(keys.wanted(node, instance)), Delete(keys.phase(node, instance)))


def _about_slice(command: SetTarget | DropTarget | DropRoute) -> tuple[Operation, ...]:
    match command:
        case SetTarget(base, target):
            return (Put(keys.target(base), encode(target)),)
        case DropTarget(base, purge):
            data: tuple[Operation, ...] = (DeletePrefix(keys.app(base)),) if purge else ()
            return (Delete(keys.target(base)), *data)
        case DropRoute(method, pattern):
            return (Delete(keys.route(method, pattern)),)


def claim_epoch(view: ClusterView, leader: NodeId) -> Txn:
    """Return the transaction with which a new leader begins its epoch, fencing all before it."""
    epoch = EpochRecord(leader=leader, epoch=(view.epoch.epoch if view.epoch else 0) + 1)
    return Txn(
        then=(Put(keys.EPOCH, encode(epoch)),),
        reason=Reason(f"leader:{leader}", "lead", f"{leader} begins epoch {epoch.epoch}"),
        guards=(Guard(keys.EPOCH, view.revisions.get(keys.EPOCH, 0)),),
    )
