"""Whether a request that failed at one instance may be sent again.

Rules for this file. Nothing here acts. A request is repeated only before the first byte of its
answer went to the client. One that was never written to an instance (nobody listened, or a peer
router says it was not delivered) may go elsewhere whatever it is; one that was written may have
taken effect and is repeated only when that is harmless, as often as its route allows, and out of
the retry budget: under a slice that fails throughout, retries must not multiply its load.
"""

from dataclasses import dataclass
from enum import Enum

from aether.dataplane.heads import RequestHead

LEAST_LEFT_S = 0.05
"""A retry with less time than this could hardly be answered."""
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
UNDELIVERED = frozenset({"not-here", "busy", "unknown-node"})
"""Words of a peer router by which nothing reached an instance."""


class Halt(Enum):
    """Why a request is not sent again."""

    UNSAFE = "a repetition may do harm"
    BODY_GONE = "its body is not kept"
    ATTEMPTS = "it was sent as often as its route allows"
    NOBODY_ELSE = "there is nobody else to send it to"
    TOO_LATE = "too little of its time is left"
    BUDGET = "the retry budget is used up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """Where a request stands after an attempt that failed."""

    is_unsent: bool
    """Whether this attempt wrote nothing that reached an instance."""
    is_repeatable: bool
    """Whether acting on it twice does no harm."""
    is_body_kept: bool
    sends: int
    """How often it was written to an instance so far."""
    attempts: int
    """How often it may be."""
    left_s: float
    """Until its deadline."""
    has_untried: bool
    """Whether an instance is left to try, or this one on a fresh connection."""


def halt(setback: Setback) -> Halt | None:
    """Return why the request must not be sent again; None when only the budget is left to ask."""
    if setback.left_s < LEAST_LEFT_S:
        return Halt.TOO_LATE
    if setback.is_unsent:
        return None if setback.is_body_kept else Halt.BODY_GONE
    if not setback.is_repeatable:
        return Halt.UNSAFE
    if not setback.is_body_kept:
        return Halt.BODY_GONE
    if setback.sends >= setback.attempts:
        return Halt.ATTEMPTS
    return None if setback.has_untried else Halt.NOBODY_ELSE


def is_repeatable(head: RequestHead, *, is_trusted: bool) -> bool:
    """Whether acting on a request twice does no harm, by its method or by the word of one of us."""
    if head.method in IDEMPOTENT:
        return True
    return is_trusted and head.aether.get(b"x-aether-idempotent") == "1"
