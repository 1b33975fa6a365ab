"""Calls about what a blueprint was: its generations, what differs between two, and going back to one."""

from typing import Any

from aether.api.blueprint_texts import Decide, change_in_turn, informed
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, LIST, Endpoint, v1
from aether.api.plans import PLAN
from aether.core.control.admission import Admitted, Rejected, admit_blueprint
from aether.core.control.admission_diff import difference
from aether.core.control.admission_history import KEPT
from aether.core.model import keys
from aether.core.model.ids import SliceBase
from aether.core.model.records import BlueprintRecord, decode, to_plain
from aether.core.model.view import ClusterView
from aether.core.store.commands import Consistency
from aether.errors import Invalid, NotFound

MAX_NUMBER = 999_999_999


async def _generations(
    context: Context, base: SliceBase, consistency: Consistency
) -> dict[int, bytes]:
    """Return the generations kept, by number, oldest first; raise NotFound when there is none."""
    if consistency is Consistency.LINEARIZABLE:
        await context.store.get(keys.BLUEPRINT_TURN)
    prefix = keys.generations(base)
    entries = context.store.level((prefix,)).entries
    if not entries:
        raise NotFound(f"there is no history of a blueprint {base}")
    return {int(entry.key[len(prefix) :]): entry.value for entry in entries}


def _one(base: SliceBase, found: dict[int, bytes], number: int) -> BlueprintRecord:
    if number not in found:
        known = ", ".join(map(str, found))
        raise NotFound(f"generation {number} of {base} is not kept; kept: {known}")
    return decode(found[number], BlueprintRecord)


def _number(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:20]) <= MAX_NUMBER:
        raise Invalid(f"{what}={text[:40]!r} is not a generation: a whole number from 1")
    return int(text)


async def history(context: Context, call: Call) -> Answer:
    """Answer with the generations of a blueprint that are kept, the latest first."""
    base = call.slice_base("id")
    found = await _generations(context, base, call.consistency)
    present = await context.store.get(keys.blueprint(base), consistency=Consistency.STALE)
    current = decode(present.value, BlueprintRecord).generation if present else None
    rows = [_row(decode(value, BlueprintRecord), current) for value in found.values()]
    return Answer(value={"items": rows[::-1][: call.limit], "next": None})


def _row(record: BlueprintRecord, current: int | None) -> dict[str, Any]:
    return {
        "generation": record.generation,
        "id": record.id,
        "current": record.generation == current,
        "slices": len(record.slices),
        "added": sum(1 for spec in record.slices if spec.added_for),
        "instances": sum(spec.instances for spec in record.slices),
        "applied_by": record.applied_by,
        "applied_at_ms": record.applied_at_ms,
    }


async def get_generation(context: Context, call: Call) -> Answer:
    """Answer with one generation of a blueprint as it was applied, its text included."""
    base, number = call.slice_base("id"), _number(call.params["generation"], "generation")
    found = await _generations(context, base, call.consistency)
    return Answer(value=to_plain(_one(base, found, number)))


async def diff(context: Context, call: Call) -> Answer:
    """Answer with what differs between two generations of a blueprint."""
    base = call.slice_base("id")
    found = await _generations(context, base, call.consistency)
    newest = str(max(found))
    after = _number(call.query.get("to", newest), "to")
    before = _number(call.query.get("from", str(max(1, after - 1))), "from")
    told = difference(_one(base, found, before), _one(base, found, after))
    return Answer(value={"id": base, "from": before, "to": after, **to_plain(told)})


async def reapply(context: Context, call: Call) -> Answer:
    """Make an old generation what is wanted again; it becomes a new one.

    Its slices come in their versions of then, those that were added included.
    """
    base, number = call.slice_base("id"), _number(call.params["generation"], "generation")
    found = await _generations(context, base, Consistency.LINEARIZABLE)
    record = _one(base, found, number)
    change = await change_in_turn(context, call, _decide(context, call, record))
    return Answer(value={"id": record.id, "reapplied": number, **to_plain(change)})


def _decide(context: Context, call: Call, record: BlueprintRecord) -> Decide:
    actor, at_ms = call.reason("").actor, round(context.wall() * 1000)

    def decide(view: ClusterView) -> Admitted | Rejected:
        seen = informed(context, view, record.id.base)
        return admit_blueprint(seen, record.id, record.slices, record.source, actor, at_ms)

    return decide


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("blueprints/{id}/history"), name="blueprint.history",
        handler=history, query={"limit": LIST["limit"], **FRESH},
        answers=f"at most {KEPT} generations, also of a blueprint that is deleted",
    ),
    Endpoint(
        method="GET", path=v1("blueprints/{id}/history/{generation}"), name="blueprint.generation",
        handler=get_generation, answers="the blueprint as it was applied", query=FRESH,
    ),
    Endpoint(
        method="POST", path=v1("blueprints/{id}/history/{generation}/apply"),
        name="blueprint.reapply", handler=reapply, role="operator", leader_only=True, query=PLAN,
        answers="`changed`, `revision`, `summary`; 409 or 422 with `problems` when it cannot be",
    ),
    Endpoint(
        method="GET", path=v1("blueprints/{id}/diff"), name="blueprint.diff", handler=diff,
        query={
            "from": "generation; the one before `to` when left out",
            "to": "generation; the latest when left out", **FRESH,
        },
        answers="`added`, `removed`, `changed` (slice, name, before, after)",
    ),
)  # fmt: skip
