"""How results of the replica become answers of `ports.Consensus`: a value, or the right error."""

import asyncio

from aether.errors import (
    AetherError,
    Conflict,
    Invalid,
    NoQuorum,
    OutcomeUnknown,
    TooLarge,
    Unavailable,
)
from aether.store.native.results import Applied, Refused, Result, Unknown

_INVALID = frozenset({"unknown_member", "last_voter"})
_CONFLICT = frozenset({"pending_change", "other_address"})
_RETRIED = frozenset(
    {"lagging", "not_ready", "transferring", "busy", "not_leader", "pending_change"}
)


def may_be_retried(refused: Refused) -> bool:
    """Whether time alone may heal the refusal of a change of members."""
    return refused.code in _RETRIED


def failure_of(result: Refused | Unknown) -> AetherError:
    """Return the error to raise for a result that is not Applied."""
    if isinstance(result, Unknown):
        return OutcomeUnknown(result.message)
    if result.code == "too_large":
        return TooLarge(result.message)
    if result.code in _INVALID:
        return Invalid(result.message)
    if result.code in _CONFLICT:
        return Conflict(result.message)
    return NoQuorum(f"{result.message} ({result.code})")


def transfer_failure(result: Refused | Unknown) -> AetherError:
    """Return the error to raise for a transfer of leadership that was not made."""
    if isinstance(result, Refused) and result.code in _INVALID:
        return Invalid(result.message)
    return Unavailable(result.message)


def resolve(answer: "asyncio.Future[Result]", result: Result) -> None:
    """Give whoever awaits `answer` its result, if it still does."""
    if not answer.done():
        answer.set_result(result)


def resolve_read(
    answer: "asyncio.Future[Refused | Unknown | None]", result: Refused | Unknown | None
) -> None:
    """Give whoever awaits a read its result, if it still does."""
    if not answer.done():
        answer.set_result(result)


def value_of(result: Result) -> bytes:
    """Return what was answered, or raise the error that tells why not."""
    if isinstance(result, Applied):
        return result.data
    raise failure_of(result)
