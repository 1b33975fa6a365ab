"""How a command gets onto the quorum: limits, one request id, retries until the time is over."""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from aether.core.store.codec import decode_result, encode_command
from aether.core.store.commands import Outcome, Txn
from aether.core.store.limits import MAX_COMMAND_BYTES, Breach, txn_problem
from aether.errors import Invalid, NoQuorum, OutcomeUnknown, TooLarge, Unavailable

ATTEMPT_S = 1.5
"""Longest wait for one proposal before it is made again: about one election."""
FIRST_RETRY_S = 0.02
LAST_RETRY_S = 0.25

Propose = Callable[[bytes, float], Awaitable[bytes]]
"""One attempt: a command and its time in seconds to the encoded result; raises NoQuorum or
Unavailable when it surely took no effect, OutcomeUnknown when that cannot be told."""


class Submitter:
    """Repeats a command under its request id until an attempt tells what became of it.

    `dice` spread the retries of those who wait.
    """

    def __init__(self, propose: Propose, dice: Callable[[], float] = random.random) -> None:
        self._propose = propose
        self._dice = dice

    async def txn(self, txn: Txn, timeout_s: float) -> Outcome:
        """Carry out guarded writes; see `ports.Store.txn`."""
        refuse(txn_problem(txn))
        if not txn.request_id:
            txn = replace(txn, request_id=secrets.token_hex(16))
        return decode_result(await self.submit(_encoded(txn), timeout_s))

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


def _encoded(txn: Txn) -> bytes:
    try:
        command = encode_command(txn)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem
    if len(command) > MAX_COMMAND_BYTES:
        raise TooLarge(
            f"the transaction has {len(command)} bytes; the limit is {MAX_COMMAND_BYTES}: split it"
        )
    return command


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
