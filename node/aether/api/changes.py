"""Calls about the past: what was changed and why, and what differs between two moments."""

from typing import Any

import msgspec

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import LIST, Endpoint, v1
from aether.api.moments import chronicle_of, revision_of, show_time
from aether.api.paging import decode_cursor, encode_cursor
from aether.api.views import read_view
from aether.chronicle.chronicle import Chronicle
from aether.chronicle.difference import KeyChange, difference
from aether.chronicle.records import Found, Gap, Query, Reach, Recorded
from aether.config.guess import did_you_mean
from aether.core.alerts.showing import without_secret
from aether.core.control import evidence
from aether.core.model.ids import parse_node_id, parse_slice_base
from aether.core.model.subjects import CLUSTER, of_blueprint, of_node, of_slice
from aether.core.store.commands import Consistency, Entry
from aether.errors import Invalid, NotFound

MAX_BETWEEN = 5000
"""Most transactions between the two moments of one difference."""
MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""Values in one answer end before this; the rest is on the next page."""


async def list_changes(context: Context, call: Call) -> Answer:
    """Answer with transactions, newest first, their reasons and the values they wrote."""
    chronicle = chronicle_of(context)
    query = await query_of(context, call, _subjects(call), call.query.get("prefix", ""))
    found = await chronicle.find(query)
    shown = _within_budget(found.recorded)
    more = found.more or len(shown) < len(found.recorded)
    return Answer(
        value={
            "items": [{**show_recorded(one), "changes": _values(one)} for one in shown],
            "gaps": [show_gap(gap) for gap in found.gaps],
            "chronicle": show_reach(await chronicle.reach()),
            "next": next_of(shown, more=more),
        }
    )


async def query_of(
    context: Context, call: Call, subjects: tuple[str, ...], prefix: str = "", until: str = "to"
) -> Query:
    """Return what a caller asks of the chronicle: `from`, the moment named `until`, page and size."""
    after, last = call.query.get("from"), call.query.get(until)
    bound = 2**62 if last is None else await revision_of(context, last, until)
    cursor = call.query.get("cursor")
    if cursor:
        bound = min(bound, _revision_of_cursor(cursor) - 1)
    return Query(
        subjects=subjects,
        prefix=prefix,
        after=0 if after is None else await revision_of(context, after, "from"),
        until=bound,
        limit=call.limit,
    )


def _revision_of_cursor(cursor: str) -> int:
    text = decode_cursor(cursor)
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid(f"cursor {cursor[:64]!r} is not one that a list here gave out")
    return int(text)


def next_of(shown: tuple[Recorded, ...], *, more: bool) -> str | None:
    """Return the cursor of the page after these."""
    return encode_cursor(str(shown[-1].revision)) if more and shown else None


def _subjects(call: Call) -> tuple[str, ...]:
    text = call.query.get("subject")
    return () if text is None else subjects_named(text)


def subjects_named(text: str) -> tuple[str, ...]:
    """Return what a name may stand for: a kind before it settles it; raises Invalid."""
    kind, slash, name = text.partition("/")
    kinds = {"node": (of_node, parse_node_id), "slice": (of_slice, parse_slice_base)}
    kinds["blueprint"] = (of_blueprint, parse_slice_base)
    if text == CLUSTER:
        return (CLUSTER,)
    if slash and kind not in kinds:
        raise Invalid(f"subject={text[:80]!r}: say node/…, slice/…, blueprint/… or cluster")
    asked = [kind] if slash else (["slice", "blueprint"] if ":" in text else ["node"])
    try:
        return tuple(kinds[one][0](kinds[one][1](name if slash else text)) for one in asked)
    except ValueError as problem:
        raise Invalid(f"subject: {problem}") from problem


async def show_difference(context: Context, call: Call) -> Answer:
    """Answer with each key that differs between two moments, and every reason in between."""
    chronicle = chronicle_of(context)
    if "from" not in call.query:
        raise Invalid("from is required: a revision, an RFC 3339 time, or an age such as -15m")
    begin = await revision_of(context, call.query["from"], "from")
    end = await revision_of(context, call.query.get("to", str(context.store.revision)), "to")
    newest = context.store.revision
    if begin > newest:
        raise Invalid(f"from is revision {begin}, still to come: the newest here is {newest}")
    if end < begin:
        raise Invalid(f"from is revision {begin}, to is revision {end}: name the earlier one first")
    changed, gaps = await _between(chronicle, begin, end)
    named, prefix = _subjects(call), call.query.get("prefix", "")
    subjects = set(named)
    wanted = [
        one
        for one in changed
        if one.key.startswith(prefix) and (not subjects or subjects & set(one.subjects))
    ]
    if subjects and not wanted:
        await _must_exist(context, chronicle, named)
    after = decode_cursor(call.query["cursor"]) if call.query.get("cursor") else ""
    rest = [one for one in wanted if one.key > after]
    shown = rest[: call.limit]
    return Answer(
        value={
            "from": begin,
            "to": end,
            "items": [_show_key(one) for one in shown],
            "gaps": [show_gap(gap) for gap in gaps],
            "next": encode_cursor(shown[-1].key) if len(rest) > len(shown) else None,
        }
    )


async def _must_exist(context: Context, chronicle: Chronicle, subjects: tuple[str, ...]) -> None:
    """Raise NotFound when a subject is neither there nor told of: nothing changed would mislead."""
    view = await read_view(context.store, Consistency.STALE)
    there = {
        *map(of_node, view.nodes), *map(of_slice, view.targets),
        *map(of_blueprint, view.blueprints), CLUSTER,
    }  # fmt: skip
    if there.intersection(subjects):
        return
    if (await chronicle.find(Query(subjects=subjects, limit=1))).recorded:
        return
    reach = await chronicle.reach()
    known = {name for one in there if (name := one.partition("/")[2])}
    guess = did_you_mean(subjects[0].partition("/")[2], known)
    raise NotFound(
        f"there is no {' and no '.join(subjects)}, and the chronicle of this node, which reaches "
        f"back to revision {reach.first}, tells of none{guess}"
    )


async def _between(
    chronicle: Chronicle, begin: int, end: int
) -> tuple[list[KeyChange], tuple[Gap, ...]]:
    before, after = await chronicle.at(begin), await chronicle.at(end)
    found: Found = await chronicle.find(Query(after=begin, until=end, limit=MAX_BETWEEN))
    if found.more:
        raise Invalid(
            f"more than {MAX_BETWEEN} transactions lie between revisions {begin} and {end}: "
            "name moments closer to each other, or read `changes`"
        )
    return difference(before, after, found.recorded), found.gaps


def _show_key(one: KeyChange) -> dict[str, Any]:
    return {
        "key": one.key,
        "before": None if one.before is None else show_value(one.before),
        "after": None if one.after is None else show_value(one.after),
        "subjects": list(one.subjects),
        "reasons": [show_recorded(recorded) for recorded in one.recorded],
    }


def show_recorded(one: Recorded) -> dict[str, Any]:
    """Return a transaction as JSON values, its keys without what they hold."""
    reason = one.reason
    return {
        "revision": one.revision,
        "time": show_time(one.time_ms),
        "actor": reason.actor,
        "rule": reason.rule,
        "text": reason.text,
        "inputs": evidence.show(reason.inputs),
        "rejected": dict(reason.rejected),
        "keys": [{"key": change.key, "deleted": change.entry is None} for change in one.changes],
    }


def _values(one: Recorded) -> list[dict[str, Any]]:
    return [
        {
            "key": change.key,
            "deleted": change.entry is None,
            "value": None if change.entry is None else show_value(change.entry),
        }
        for change in one.changes
    ]


def show_value(entry: Entry) -> Any:  # noqa: ANN401 - a record as JSON values
    """Return what a key of Aether's own holds: JSON values, or text that is none as it is."""
    shown = without_secret(entry.key, entry.value)
    try:
        return msgspec.json.decode(shown)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return shown.decode(errors="backslashreplace")


def show_gap(gap: Gap) -> dict[str, Any]:
    """Return a gap as JSON values."""
    return {
        "after": gap.after,
        "until": gap.until,
        "from": show_time(gap.from_ms),
        "to": show_time(gap.time_ms),
        "why": gap.why,
    }


def show_reach(reach: Reach) -> dict[str, Any]:
    """Return how far the chronicle of the answering node tells, as JSON values."""
    return {
        "first": reach.first,
        "since": show_time(reach.since_ms),
        "seen": reach.seen,
        "changes": reach.changes,
        "bytes": reach.bytes,
        "gaps": len(reach.gaps),
    }


def _within_budget(recorded: tuple[Recorded, ...]) -> tuple[Recorded, ...]:
    size = 0
    for position, one in enumerate(recorded):
        size += sum(len(change.entry.value) for change in one.changes if change.entry is not None)
        if size > MAX_ANSWER_BYTES and position:
            return recorded[:position]
    return recorded


_MOMENT = "a revision, an RFC 3339 time, or an age such as `-15m`"
SUBJECT = {
    "subject": "`node/…`, `slice/…`, `blueprint/…`, `cluster`, or a name without its kind",
    "prefix": "keys that start so",
}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("changes"), name="change.list", handler=list_changes,
        answers="transactions of Aether itself, newest first, with reasons and values",
        query={
            "from": f"later than {_MOMENT}", "to": f"not later than {_MOMENT}", **SUBJECT, **LIST,
        },
    ),
    Endpoint(
        method="GET", path=v1("diff"), name="change.diff", handler=show_difference,
        answers="each key that changed, with its value before and after and every reason between",
        query={"from": _MOMENT, "to": f"{_MOMENT}; now when left out", **SUBJECT, **LIST},
    ),
)  # fmt: skip
