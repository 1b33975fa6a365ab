"""A blueprint in the body of a call: read off the loop, then decided with its history in view."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from aether.api.call import Call, Context
from aether.api.plans import submit_as_planned
from aether.api.problems import Malformed, Overloaded
from aether.api.views import Change
from aether.config.blueprint import (
    MAX_SOURCE_BYTES,
    BlueprintDraft,
    Flawed,
    examine_blueprint,
)
from aether.config.blueprint_readable import Readable
from aether.core.control.admission import (
    Admitted,
    Rejected,
    admit_blueprint,
    admit_deletion,
    shortcomings,
)
from aether.core.control.admission_history import history_prefixes, with_history
from aether.core.model import keys
from aether.core.model.ids import SliceBase
from aether.core.model.view import ClusterView, project
from aether.errors import BlueprintInvalid, ConfigInvalid, Unavailable

BLUEPRINT_BODY_BYTES = 2 * MAX_SOURCE_BYTES
"""Room for a blueprint inside JSON."""
SHORT_TEXT = 4096
"""Characters read at once: a thread would cost more than it saves."""
FRESH_S = 1.0
"""Longest wait until this node is sure to know what the cluster holds; then it says nothing about that."""
TURN_S = 20.0
"""Longest wait for the changes of blueprints before this one."""

_SOURCE_NAME = re.compile(r"[\w./ +@-]{1,200}")
_ADMITTED_BY = (keys.ARTIFACTS, keys.BLUEPRINTS, keys.TARGETS, keys.ROUTES)
"""Families that say what may be applied."""
Decide = Callable[[ClusterView], Admitted | Rejected]


class BlueprintText(BaseModel):
    """A blueprint in a JSON body."""

    model_config = ConfigDict(extra="forbid", strict=True)

    toml: str = Field(description="the blueprint, as TOML")


async def read_draft(context: Context, call: Call) -> BlueprintDraft:
    """Return the blueprint in the body.

    Raises Malformed or TooLarge for what it is, BlueprintInvalid with all that is wrong with it and all
    that the cluster would refuse of it besides, Overloaded when too many are read already.
    """
    found = await _read_in_turn(context, call)
    if isinstance(found, Flawed):
        raise BlueprintInvalid([*found.problems, *await _refusals(context, found.readable)])
    return found


async def _refusals(context: Context, readable: Readable) -> tuple[str, ...]:
    """Return what the cluster would refuse of the readable parts of a text.

    What this node would refuse is looked at once more when the node is sure to know all that was written
    before. When it cannot be, nothing is said: what is wrong with the text stands without it.
    """
    if not readable.artifacts or not _refused_here(context, readable):
        return ()
    try:
        await context.store.get(keys.EPOCH, timeout_s=FRESH_S)
    except Unavailable:
        return ()
    return _refused_here(context, readable)


def _refused_here(context: Context, readable: Readable) -> tuple[str, ...]:
    level = context.store.level(_ADMITTED_BY)
    view = project(
        ((entry.key, entry.value, entry.mod_revision) for entry in level.entries), level.revision
    )
    owner = None if readable.id is None else readable.id.base
    return readable.locate_all(shortcomings(view, owner, readable.artifacts))


async def _read_in_turn(context: Context, call: Call) -> BlueprintDraft | Flawed:
    source = call.query.get("source", "blueprint")
    if not _SOURCE_NAME.fullmatch(source):
        source = "blueprint"
    text = _text_of(call, source)
    try:
        if len(text) <= SHORT_TEXT:
            return examine_blueprint(text, source)
        return await context.readings.read(partial(examine_blueprint, text, source))
    except ConfigInvalid as problem:
        raise Malformed(problem.message, fields=problem.fields) from problem


def _text_of(call: Call, source: str) -> str:
    if call.is_json:
        return call.json(BlueprintText).toml
    try:
        return call.body.decode()
    except UnicodeDecodeError as problem:
        before = call.body[: problem.start]
        line, column = before.count(b"\n") + 1, problem.start - before.rfind(b"\n")
        byte = f"0x{call.body[problem.start]:02x}"
        raise Malformed(f"{source}:{line}:{column}: not UTF-8 text: byte {byte}") from problem


def decide_draft(context: Context, call: Call, draft: BlueprintDraft) -> Decide:
    """Return how a blueprint is admitted by this call; problems say where in the text they are."""
    actor, at_ms = call.reason("").actor, round(context.wall() * 1000)

    def decide(view: ClusterView) -> Admitted | Rejected:
        seen = informed(context, view, draft.id.base)
        decision = admit_blueprint(seen, draft.id, draft.slices, draft.source, actor, at_ms)
        if isinstance(decision, Rejected):
            return replace(decision, problems=draft.locate_all(decision.problems))
        return decision

    return decide


def decide_deletion(context: Context, base: SliceBase, *, purge_data: bool) -> Decide:
    """Return how the deletion of a blueprint is admitted."""
    return lambda view: admit_deletion(informed(context, view, base), base, purge_data)


async def change_in_turn(context: Context, call: Call, decide: Decide) -> Change:
    """Carry out a change of blueprints, one at a time on this node: they exclude each other anyway.

    Raises Overloaded when those before it take longer than TURN_S, and what `submit_as_planned` does.
    """
    try:
        async with asyncio.timeout(TURN_S):
            await context.blueprint_turn.acquire()
    except TimeoutError as late:
        raise Overloaded(f"other changes of blueprints took longer than {TURN_S:g} s") from late
    try:
        return await submit_as_planned(context, call, decide)
    finally:
        context.blueprint_turn.release()


def informed(context: Context, view: ClusterView, base: SliceBase) -> ClusterView:
    """Return the view with what admission must know of the blueprint's history."""
    entries = context.store.level(history_prefixes(base)).entries
    return with_history(view, ((entry.key, entry.mod_revision) for entry in entries))
