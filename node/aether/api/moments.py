"""Moments as callers name them: a revision, an RFC 3339 time, or an age such as `-15m`."""

import re
from datetime import UTC, datetime

from aether.api.call import Call, Context
from aether.chronicle.chronicle import Chronicle
from aether.errors import Invalid, Unavailable

_SHAPE = (
    "say a revision (1234), a time with its zone (2026-11-21T14:05:00Z) or an age (-15m, -2h30m)"
)
_MOST_DIGITS = 18
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)")
_MOST_AGE_S = 100 * 365 * 86400.0


def chronicle_of(context: Context) -> Chronicle:
    """Return the node's chronicle; raises Unavailable where nothing is recorded."""
    if context.chronicle is None:
        raise Unavailable("this node keeps no chronicle")
    return context.chronicle


async def past_revision(context: Context, call: Call) -> int | None:
    """Return the revision of `at`; None when the caller asks for the present."""
    text = call.query.get("at")
    return None if text is None else await revision_of(context, text, "at")


async def revision_of(context: Context, text: str, name: str) -> int:
    """Return the revision a moment stands for; raises Invalid or NotRecorded."""
    if text.isascii() and text.isdigit():
        if len(text) > _MOST_DIGITS:
            raise Invalid(f"{name}={text[:24]!r}…: no revision is that high")
        return int(text)
    chronicle = chronicle_of(context)
    return await chronicle.revision_at(_milliseconds(text, name, chronicle.now_ms()))


def _milliseconds(text: str, name: str, now_ms: int) -> int:
    if text.startswith("-"):
        return now_ms - round(_age_s(text, name) * 1000)
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a `+` of a query is a blank
    except ValueError as problem:
        raise Invalid(f"{name}={text[:40]!r} is no moment: {_SHAPE}") from problem
    if moment.tzinfo is None:
        raise Invalid(f"{name}={text[:40]!r} has no zone: {_SHAPE}")
    return round(moment.timestamp() * 1000)


def _age_s(text: str, name: str) -> float:
    parts = _PART.findall(text)
    age_s = sum(float(number) * _UNIT_S[unit] for number, unit in parts)
    if not parts or f"-{''.join(map(''.join, parts))}" != text or age_s > _MOST_AGE_S:
        raise Invalid(f"{name}={text[:40]!r} is no age: {_SHAPE}")
    return age_s


def show_time(time_ms: int) -> str:
    """Write milliseconds since 1970 as RFC 3339 in UTC; empty for 0, which stands for unknown."""
    if not time_ms:
        return ""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
