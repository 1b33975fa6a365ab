"""How a command gets onto the quorum: limits, one request id, retries until the time is over."""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from aether.core.model.reason import Reason
from aether.core.store.codec import decode_result, encode_command
from aether.core.store.commands import (
    Applied,
    Command,
    LeaseGrant,
    LeaseId,
    LeaseRenew,
    LeaseRevoke,
    Outcome,
    Refused,
    Txn,
)
from aether.core.store.limits import MAX_COMMAND_BYTES, Breach, txn_problem
from aether.errors import (
    Conflict,
    Invalid,
    NoQuorum,
    NotFound,
    OutcomeUnknown,
    TooLarge,
    Unavailable,
)

ATTEMPT_S = 1.5
"""Longest wait for one proposal before it is made again: about one election."""
FIRST_RETRY_S = 0.02
LAST_RETRY_S = 0.25

Propose = Callable[[bytes, float], Awaitable[bytes]]
"""One attempt: a command and its time in seconds to the encoded result; raises NoQuorum or
Unavailable when it surely took no effect, OutcomeUnknown when that cannot be told."""


class Submitter:
    """Repeats a command under its request id until an attempt tells what became of it.

    `dice` spread the retries of those who wait; `wall` tells seconds since 1970, for the reasons.
    """

    def __init__(
        self,
        propose: Propose,
        dice: Callable[[], float] = random.random,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._propose = propose
        self._dice = dice
        self._wall = wall

    async def txn(self, txn: Txn, timeout_s: float) -> Outcome:
        """Carry out guarded writes; see `ports.Store.txn`."""
        refuse(txn_problem(txn))
        reason, request_id = self._stamped(txn.reason), txn.request_id or _new_id()
        return await self._outcome(replace(txn, reason=reason, request_id=request_id), timeout_s)

    def _stamped(self, reason: Reason) -> Reason:
        """Return the reason with the time of this clock, unless it has one."""
        if reason.at_ms:
            return reason
        return replace(reason, at_ms=max(0, int(self._wall() * 1000)))

    async def grant(self, ttl_s: float, timeout_s: float) -> LeaseId:
        """Make a lease; see `ports.Store.grant`."""
        if not 0 < ttl_s < 2**40:
            raise Invalid(f"a lease of {ttl_s:g} s: it must be more than 0")
        granted = _lease_outcome(
            await self._outcome(LeaseGrant(max(1, round(ttl_s * 1000)), _new_id()), timeout_s)
        )
        return granted.lease

    async def renew(self, lease: LeaseId, timeout_s: float) -> float:
        """Prolong a lease; see `ports.Store.renew`."""
        renewed = _lease_outcome(await self._outcome(LeaseRenew(lease), timeout_s))
        return renewed.ttl_ms / 1000

    async def revoke(self, lease: LeaseId, timeout_s: float) -> None:
        """End a lease; see `ports.Store.revoke`."""
        reason = self._stamped(Reason("store", "revoke", f"lease {lease} was given back"))
        _lease_outcome(await self._outcome(LeaseRevoke(lease, reason, _new_id()), timeout_s))

    async def _outcome(self, command: Command, timeout_s: float) -> Outcome:
        return decode_result(await self.submit(_encoded(command), timeout_s))

    async def submit(self, command: bytes, timeout_s: float) -> bytes:
        """Commit a command that may be repeated, and return its encoded result."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        left, retry_s = timeout_s, FIRST_RETRY_S
        unknown: OutcomeUnknown | None = None
        while True:
            try:
                return await self._propose(command, min(ATTEMPT_S, max(left, 0.001)))
            except OutcomeUnknown as problem:
                unknown = problem
                last: Unavailable | OutcomeUnknown = problem
            except Unavailable as problem:
                last = problem
            left = deadline - clock()
            if left <= retry_s:
                raise _given_up(timeout_s, last, unknown)
            await asyncio.sleep(retry_s * (0.5 + self._dice()))
            left = deadline - clock()
            retry_s = min(retry_s * 2, LAST_RETRY_S)


def _new_id() -> str:
    return secrets.token_hex(16)


def _encoded(command: Command) -> bytes:
    try:
        data = encode_command(command)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem
    if len(data) > MAX_COMMAND_BYTES:
        raise TooLarge(
            f"the transaction has {len(data)} bytes; the limit is {MAX_COMMAND_BYTES}: split it"
        )
    return data


def _lease_outcome(outcome: Outcome) -> Applied:
    match outcome:
        case Applied():
            return outcome
        case Refused(code="no_lease", message=message):
            raise NotFound(message)
        case Refused(code="full", message=message):
            raise Conflict(message)
        case Refused(message=message):
            raise Invalid(message)


def refuse(breach: Breach | None) -> None:
    """Raise Invalid or TooLarge for a request that breaks a limit."""
    if breach is not None:
        raise (TooLarge if breach.too_large else Invalid)(breach.message)


def _given_up(
    timeout_s: float, last: Unavailable | OutcomeUnknown, unknown: OutcomeUnknown | None
) -> Exception:
    """Return the error of a write whose time is over: one unknown attempt makes all unknown."""
    if unknown is None:
        return NoQuorum(f"nothing was written within {timeout_s:g} s: {last.message}")
    return OutcomeUnknown(
        f"the write may or may not take effect: {timeout_s:g} s are over ({unknown.message}); "
        "read before deciding"
    )
