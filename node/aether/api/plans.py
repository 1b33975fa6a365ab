"""Plans: what would come of a change, and changes made only when just that would come of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from aether.api.call import Call, Context
from aether.api.views import Change, submit
from aether.core.control.admission import Admitted, Rejected
from aether.core.control.rehearsal_outcome import Rehearsal, differences
from aether.core.model import keys
from aether.core.model.records import encode, to_plain
from aether.core.model.view import ClusterView
from aether.core.store.commands import MAX_OPERATIONS, Guard
from aether.errors import Conflict, Invalid

PLAN: Mapping[str, str] = {
    "plan": "digest of a plan: make the change only when its outcome is still the planned one"
}
"""Query of every change that can be planned."""

MOST_GUARDS = 256
"""Keys guarded beyond those of the change itself, where the transaction has room for as many."""

_GUARDED = (keys.VERDICTS, keys.NODES, keys.TARGETS, keys.BLUEPRINTS, keys.WANTED)
_DIGEST = re.compile(r"[0-9a-f]{64}")


class PlanChanged(Conflict):
    """The outcome would not be the planned one any more; field `problems` says where."""

    code = "plan_changed"


async def plan_answer(
    context: Context,
    view: ClusterView,
    admitted: Admitted,
    extra: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return the whole rehearsal of an admitted change, with `extra` sections, to be written as JSON.

    Raises Overloaded when other plans are being made for too long.
    """
    found = await context.rehearsals.rehearse(view, admitted.then)
    plain = await context.rehearsals.in_turn(partial(_plain, found))
    return {
        "changed": admitted.changed,
        "summary": admitted.summary,
        **plain,
        "pace": to_plain(context.rehearsals.pace),
        **(extra or {}),
    }


def _plain(found: Rehearsal) -> dict[str, Any]:
    """Return JSON values; what may be long is JSON text already, so that the loop only copies it."""
    plain: dict[str, Any] = to_plain(replace(found, steps=(), placements={}, outline=()))
    del plain["outline"]
    return {
        **plain,
        "steps": msgspec.Raw(encode(found.steps)),
        "placements": msgspec.Raw(encode(found.placements)),
        "digest": found.digest,
        "below_budget": list(found.below_budget),
    }


def planned_digest(call: Call) -> str | None:
    """Return the digest of the plan a change is bound to; None when it is bound to none.

    Raises Invalid for what is no digest, the empty text included: before anything is decided, so that a
    slip of the pen is never a change without its plan.
    """
    digest = call.query.get("plan")
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise Invalid(f"plan={digest[:80]!r} is no digest of a plan: 64 hexadecimal digits")
    return digest


async def check_plan(
    context: Context, view: ClusterView, admitted: Admitted, digest: str
) -> tuple[Guard, ...]:
    """Return guards that hold while the plan does; raise PlanChanged when it does not any more."""
    found = await context.rehearsals.rehearse(view, admitted.then)
    if found.digest != digest:
        raise _changed(digest, found, context)
    return _guards(view, admitted)


def _changed(digest: str, found: Rehearsal, context: Context) -> PlanChanged:
    planned = context.rehearsals.outline(digest)
    if planned is None:
        problems = [f"plan {digest[:12]} was not made by this leader, or long ago; plan again"]
    else:
        problems = list(differences(planned, found.outline))
    text = f"nothing is changed: the outcome would not be that of plan {digest[:12]}"
    return PlanChanged(text, fields={"problems": problems, "digest": found.digest})


def _guards(view: ClusterView, admitted: Admitted) -> tuple[Guard, ...]:
    """Return guards for what placements depend on: nodes and their verdicts first, bounded.

    A change of hundreds of slices guards hundreds of keys itself: only as many more are taken as one
    transaction holds.
    """
    taken = {guard.key for guard in admitted.guards}
    room = max(0, min(MOST_GUARDS, MAX_OPERATIONS - len(admitted.guards)))
    found = (
        Guard(key, view.revisions[key])
        for family in _GUARDED
        for key in sorted(key for key in view.revisions if key.startswith(family))
        if key not in taken
    )
    return tuple(islice(found, room))


async def submit_as_planned(
    context: Context, call: Call, decide: Callable[[ClusterView], Admitted | Rejected]
) -> Change:
    """Carry out a change as `submit` does; with `?plan=DIGEST` only when its outcome is the planned one.

    Raises PlanChanged when it is not; what is as wanted already needs no plan.
    """
    digest = planned_digest(call)
    if digest is None:
        return await submit(context, call, decide)
    return await submit(
        context, call, decide, lambda view, admitted: check_plan(context, view, admitted, digest)
    )
