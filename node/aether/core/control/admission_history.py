"""What a blueprint was before: generations are numbered, kept, and never written twice.

The history of a blueprint outlives it: one that is applied again after its deletion counts on, unless
so many others were deleted meanwhile that its history is forgotten.
"""

from collections.abc import Iterable
from dataclasses import replace

from aether.core.model import keys
from aether.core.model.ids import SliceBase
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, DeletePrefix, Guard, Operation, Put

KEPT = 20
"""Generations of one blueprint that are kept; the oldest goes when another comes."""
KEPT_DELETED = 100
"""Deleted blueprints of which the history is kept: names made once, as of previews, are not kept for ever."""


def history_prefixes(base: SliceBase) -> tuple[str, ...]:
    """Return what must be read of the store, beside the view, to change a blueprint."""
    return keys.BLUEPRINT_TURN, keys.DELETED_BLUEPRINTS, keys.generations(base)


def with_history(view: ClusterView, revisions: Iterable[tuple[str, int]]) -> ClusterView:
    """Return the view with the revisions of the keys under `history_prefixes`.

    What is decided from it may land only while no blueprint has changed since.
    """
    return replace(view, revisions={**view.revisions, keys.BLUEPRINT_TURN: 0, **dict(revisions)})


def past_generations(view: ClusterView, base: SliceBase) -> list[int]:
    """Return the numbers of the generations kept, ascending; needs `with_history`."""
    prefix = keys.generations(base)
    return sorted(int(key[len(prefix) :]) for key in view.revisions if key.startswith(prefix))


def next_generation(view: ClusterView, base: SliceBase) -> int:
    """Return the number of the next generation of a blueprint.

    Targets outlive a deleted blueprint until their instances are gone, and the history outlives
    both: a new life of the same blueprint counts on from them.
    """
    present = view.blueprints.get(base)
    seen = [target.generation for target in view.targets.values() if target.owner == base]
    seen += [present.generation] if present else []
    return 1 + max([*seen, *past_generations(view, base)], default=0)


def keep(view: ClusterView, base: SliceBase, number: int, value: bytes) -> tuple[Operation, ...]:
    """Return the writes that keep a generation, and no more than KEPT."""
    surplus = [each for each in past_generations(view, base) if each != number]
    return (
        Put(keys.generation(base, number), value),
        *(Delete(keys.generation(base, old)) for old in surplus[: max(0, len(surplus) + 1 - KEPT)]),
        *(Delete(keys.deleted_blueprint(each)) for each in _deleted(view) if each == base),
        *take_turn(view, base),
    )


def keep_deleted(view: ClusterView, base: SliceBase) -> tuple[Operation, ...]:
    """Return the writes that keep the history of a deleted blueprint, and of no more than KEPT_DELETED."""
    if keys.BLUEPRINT_TURN not in view.revisions:
        return ()
    others = [each for each in _deleted(view) if each != base]
    forgotten = others[: max(0, len(others) + 1 - KEPT_DELETED)]
    return (
        *(DeletePrefix(keys.generations(each)) for each in forgotten),
        *(Delete(keys.deleted_blueprint(each)) for each in forgotten),
        Put(keys.deleted_blueprint(base), b"{}"),
        *take_turn(view, base),
    )


def _deleted(view: ClusterView) -> list[SliceBase]:
    """Return the deleted blueprints of which the history is kept, the one deleted first first."""
    prefix = keys.DELETED_BLUEPRINTS
    found = [(when, key) for key, when in view.revisions.items() if key.startswith(prefix)]
    return [SliceBase(key[len(prefix) :]) for _, key in sorted(found)]


def take_turn(view: ClusterView, base: SliceBase) -> tuple[Operation, ...]:
    """Return the write that orders this change among those of all blueprints."""
    if keys.BLUEPRINT_TURN not in view.revisions:
        return ()
    return (Put(keys.BLUEPRINT_TURN, f'"{base}"'.encode()),)


def turn_guards(view: ClusterView, base: SliceBase, number: int | None) -> tuple[Guard, ...]:
    """Return the guards that let only one of two changes from one state land."""
    if keys.BLUEPRINT_TURN not in view.revisions:
        return ()
    turn = Guard(keys.BLUEPRINT_TURN, view.revisions[keys.BLUEPRINT_TURN])
    if number is None:
        return (turn,)
    return turn, Guard(keys.generation(base, number), 0)
