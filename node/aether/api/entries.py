"""Calls about single keys of the store: range, get, put, delete."""

import base64
from typing import Any

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, LIST, PAST, Endpoint, v1
from aether.api.moments import chronicle_of, past_revision
from aether.api.paging import decode_cursor, encode_cursor
from aether.api.problems import Forbidden
from aether.core.alerts.showing import without_secret
from aether.core.model import keys
from aether.core.store.commands import (
    MAX_VALUE_BYTES,
    Applied,
    Delete,
    Entry,
    Guard,
    Operation,
    Put,
    Range,
    Txn,
)
from aether.core.store.limits import key_problem
from aether.errors import Conflict, Invalid, NotFound

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""Values in one answer to a range end before this; the rest is on the next page."""


async def list_range(context: Context, call: Call) -> Answer:
    """Answer with keys and values under a prefix."""
    prefix, limit = call.query.get("prefix", ""), call.limit
    cursor = call.query.get("cursor")
    start = decode_cursor(cursor) if cursor else ""
    if start and not start.startswith(prefix):
        raise Invalid(f"the cursor belongs to another prefix than {prefix!r}")
    past = await past_revision(context, call)
    if past is None:
        found = await context.store.range(
            prefix, limit=limit, start=start, consistency=call.consistency
        )
    else:
        found = await _past_range(context, prefix, start, limit, past)
    shown = _within_budget(found.entries)
    more = found.more or len(shown) < len(found.entries)
    return Answer(
        value={
            "revision": found.revision,
            "items": [show_entry(entry) for entry in shown],
            # The smallest key after the last one shown.
            "next": encode_cursor(shown[-1].key + "\0") if more and shown else None,
        }
    )


async def _past_range(
    context: Context, prefix: str, start: str, limit: int, revision: int
) -> Range:
    """Return a range as it stood: Aether's own keys from the chronicle, others from the store."""
    if not is_own(prefix):
        return await context.store.range(prefix, limit=limit, start=start, revision=revision)
    whole = await chronicle_of(context).at(revision, (prefix,))
    rest = [entry for entry in whole.entries if entry.key >= start]
    return Range(revision, tuple(rest[:limit]), more=len(rest) > limit)


def is_own(prefix: str) -> bool:
    """Whether every key under `prefix` is one that only Aether writes."""
    return any(prefix.startswith(family) for family in keys.SYSTEM_FAMILIES)


def _within_budget(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    size = 0
    for position, entry in enumerate(entries):
        size += len(entry.value)
        if size > MAX_ANSWER_BYTES and position:
            return entries[:position]
    return entries


def show_entry(entry: Entry) -> dict[str, Any]:
    """Return the entry as JSON values; a value that is not text goes as base64."""
    shown = without_secret(entry.key, entry.value)
    try:
        value, encoding = shown.decode(), "utf-8"
    except UnicodeDecodeError:
        value, encoding = base64.b64encode(shown).decode(), "base64"
    return {
        "key": entry.key,
        "value": value,
        "encoding": encoding,
        "create_revision": entry.create_revision,
        "mod_revision": entry.mod_revision,
        "version": entry.version,
    }


async def get(context: Context, call: Call) -> Answer:
    """Answer with one key, as it is or as it was."""
    key, past = _key(call), await past_revision(context, call)
    if past is None:
        entry = await context.store.get(key, consistency=call.consistency)
    else:
        # Of all keys that begin so, the key itself sorts first.
        found = (await _past_range(context, key, "", 1, past)).entries
        entry = found[0] if found and found[0].key == key else None
    if entry is None:
        then = "" if past is None else f"at revision {past} "
        raise NotFound(f"{then}there is no key {key}".strip())
    return Answer(value=show_entry(entry))


async def put(context: Context, call: Call) -> Answer:
    """Write the body under the key."""
    key = _writable(call)
    applied = await _write(context, call, Put(key, call.body), f"put {len(call.body)} bytes")
    return Answer(value={"key": key, "revision": applied.revision})


async def delete(context: Context, call: Call) -> Answer:
    """Remove the key; a key that is not there is an error and changes nothing."""
    key = _writable(call)
    applied = await _write(context, call, Delete(key), "delete")
    if not applied.deleted:
        raise NotFound(f"there is no key {key}")
    return Answer(value={"key": key, "revision": applied.revision, "deleted": applied.deleted})


async def _write(context: Context, call: Call, operation: Operation, what: str) -> Applied:
    key = call.params["key"]
    guards: tuple[Guard, ...] = ()
    if "mod_revision" in call.query:
        guards = (Guard(key, call.count("mod_revision", 0, 0, 2**63 - 1)),)
    reason = call.reason(f"{what}: {key}", key=key)
    outcome = await context.store.txn(Txn(then=(operation,), guards=guards, reason=reason))
    if isinstance(outcome, Applied):
        return outcome
    if not outcome.failed:
        raise Invalid(outcome.message)
    present = await context.store.get(key)
    found = present.mod_revision if present else 0
    raise Conflict(
        f"{key} was last changed at revision {found}, not {guards[0].mod_revision} (0: absent)",
        fields={"key": key, "mod_revision": found},
    )


def _key(call: Call) -> str:
    key = call.params["key"]
    if breach := key_problem(key):
        raise Invalid(breach.message)
    return key


def _writable(call: Call) -> str:
    key = _key(call)
    if keys.is_system(key):
        family = key.partition("/")[0]
        raise Forbidden(
            f"{key} belongs to Aether itself ({family}): change it through the call that owns it"
        )
    return key


_GUARD = {"mod_revision": "only if the key was last changed at this revision; 0: only if absent"}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("kv"), name="kv.range", handler=list_range,
        answers="keys and values, as of one `revision`",
        query={"prefix": "keys that start so; all when left out", **LIST, **FRESH, **PAST},
    ),
    Endpoint(
        method="GET", path=v1("kv/{key...}"), name="kv.get", handler=get,
        answers="one key", query={**FRESH, **PAST},
    ),
    Endpoint(
        method="PUT", path=v1("kv/{key...}"), name="kv.put", handler=put,
        answers="`revision`", role="operator", takes="the value's bytes", query=_GUARD,
        body_limit=MAX_VALUE_BYTES,
    ),
    Endpoint(
        method="DELETE", path=v1("kv/{key...}"), name="kv.delete", handler=delete,
        answers="`revision`, `deleted`", role="operator", query=_GUARD,
    ),
)  # fmt: skip
