"""The store as the node uses it: `ports.Store` over any `ports.Consensus`."""

import asyncio
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from aether.core.model.ids import NodeId
from aether.core.store.codec import decode_result, encode_command
from aether.core.store.commands import Consistency, Entry, Outcome, Range, Txn
from aether.core.store.limits import (
    MAX_COMMAND_BYTES,
    Breach,
    key_problem,
    prefix_problem,
    txn_problem,
)
from aether.core.store.machine import KvMachine
from aether.errors import Invalid, NoQuorum, OutcomeUnknown, TooLarge, Unavailable
from aether.ports import Consensus
from aether.store.reads import ReadBarrier
from aether.store.watch import Watch, Watchers
from aether.tasks import Tasks

ATTEMPT_S = 1.5
"""Longest wait for one proposal before it is made again: about one election."""
FIRST_RETRY_S = 0.02
LAST_RETRY_S = 0.5


class KvStore:
    """The replicated keys, as one member sees and changes them.

    `machine` must be the one `consensus` applies to. `close` ends watches and waiting reads; the
    consensus is stopped by whoever started it. `dice` spread the retries of those who wait.
    """

    def __init__(
        self,
        consensus: Consensus,
        machine: KvMachine,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._consensus = consensus
        self._machine = machine
        self._dice = dice
        self._watchers = Watchers(machine)
        self._tasks = Tasks()
        self._reads = ReadBarrier(consensus, self._tasks)

    async def close(self) -> None:
        """End every watch and every waiting read."""
        self._watchers.close()
        await self._tasks.stop()

    @property
    def leader(self) -> NodeId | None:
        """The node that leads, as far as this one knows."""
        return self._consensus.leader

    @property
    def revision(self) -> int:
        """Revision this node has applied."""
        return self._machine.revision

    async def txn(self, txn: Txn, timeout_s: float = 5.0) -> Outcome:
        """Carry out guarded writes; see `ports.Store.txn`."""
        command = _encoded(txn)
        deadline = asyncio.get_running_loop().time() + timeout_s
        retry_s = FIRST_RETRY_S
        unknown: OutcomeUnknown | None = None
        while True:
            left = deadline - asyncio.get_running_loop().time()
            try:
                result = await self._consensus.propose(command, min(ATTEMPT_S, max(left, 0.001)))
                return decode_result(result)
            except OutcomeUnknown as problem:
                unknown = problem
                last: Unavailable | OutcomeUnknown = problem
            except Unavailable as problem:
                last = problem
            left = deadline - asyncio.get_running_loop().time()
            if left <= retry_s:
                raise _given_up(timeout_s, last, unknown)
            await asyncio.sleep(retry_s * (0.5 + self._dice()))
            retry_s = min(retry_s * 2, LAST_RETRY_S)

    async def range(
        self,
        prefix: str,
        *,
        limit: int = 0,
        start: str = "",
        consistency: Consistency = Consistency.LINEARIZABLE,
        timeout_s: float = 5.0,
    ) -> Range:
        """Return entries under `prefix`; see `ports.Store.range`."""
        _refuse(prefix_problem(prefix) or prefix_problem(start, "start"))
        if limit < 0:
            raise Invalid(f"limit {limit}: it must be 0 (all) or more")
        if consistency is Consistency.LINEARIZABLE:
            await self._reads.wait(timeout_s)
        return self._machine.range(prefix, limit=limit, start=start)

    async def get(
        self,
        key: str,
        *,
        consistency: Consistency = Consistency.LINEARIZABLE,
        timeout_s: float = 5.0,
    ) -> Entry | None:
        """Return one key, or None when it does not exist."""
        _refuse(key_problem(key))
        if consistency is Consistency.LINEARIZABLE:
            await self._reads.wait(timeout_s)
        return self._machine.get(key)

    def level(self, prefixes: Sequence[str]) -> Range:
        """Return what this node has applied under any of `prefixes`; may be stale."""
        for prefix in prefixes:
            _refuse(prefix_problem(prefix))
        found = {
            entry.key: entry for prefix in prefixes for entry in self._machine.range(prefix).entries
        }
        entries = tuple(found[key] for key in sorted(found))
        return Range(self._machine.revision, entries)

    def watch(self, prefix: str, after_revision: int | None = None) -> Watch:
        """Follow every later change under `prefix`; see `ports.Store.watch`."""
        _refuse(prefix_problem(prefix))
        return self._watchers.open(prefix, after_revision)


def _encoded(txn: Txn) -> bytes:
    """Return the command's bytes under a request id; raises Invalid or TooLarge."""
    _refuse(txn_problem(txn))
    try:
        command = encode_command(replace(txn, request_id=txn.request_id or secrets.token_hex(16)))
    except ValueError as problem:
        raise Invalid(str(problem)) from problem
    if len(command) > MAX_COMMAND_BYTES:
        raise TooLarge(
            f"the transaction has {len(command)} bytes; the limit is {MAX_COMMAND_BYTES}: split it"
        )
    return command


def _refuse(breach: Breach | None) -> None:
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
