"""Clients that write, read, swap and delete through any member while faults happen.

Two kinds of keys: a few registers everybody fights for, judged for linearizability; and a ledger of keys written once,
judged for loss, double applies and deletes that come back. An unknown put of the ledger is asked again, at another
member, under the same request id.
"""

import random
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from aether.core.store.commands import Applied, Delete, Guard, Outcome, Put, Txn
from aether.errors import AetherError, NoQuorum
from aether_forge.sim.raft.history import READ, SWAP, WRITE, History, Operation, Value
from tests.soak.caller import REASON, Caller
from tests.soak.ledger import Fate, Ledger, Line

TIMEOUT_S = 1.0
RETRIES = 3
THINK_S = 0.02
"""Most pause between two operations of a client."""
JOIN_S = 15.0


@dataclass(slots=True)
class Record:
    """What all clients of a round saw."""

    history: History = field(default_factory=History)
    ledger: Ledger = field(default_factory=Ledger)
    acknowledged_at: list[float] = field(default_factory=list)
    slowest_s: float = 0.0
    """Longest any one call took, whatever its end."""
    surprises: list[str] = field(default_factory=list)
    """Errors a client must never see."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def longest_gap_s(self, began: float, ended: float) -> float:
        """Return the longest time without any acknowledged write."""
        moments = [began, *sorted(self.acknowledged_at), ended]
        return max(later - earlier for earlier, later in pairwise(moments))


class Workload:
    """Clients in threads, until told to stop."""

    def __init__(self, sockets: Sequence[Path], clients: int, round_name: str, seed: int) -> None:
        self.record = Record()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(
                target=_Client(number, sockets, round_name, f"{seed}/{number}", self.record).run,
                args=(self._stopping,),
                name=f"client-{number}",
                daemon=True,
            )
            for number in range(clients)
        ]

    def start(self) -> None:
        """Let all clients begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> Record:
        """Let every client end what it is doing; raises TimeoutError when one hangs."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(JOIN_S)
            if thread.is_alive():
                raise TimeoutError(f"{thread.name} has waited for an answer for {JOIN_S:g} s")
        return self.record


class _Client:
    """One client: one operation at a time, each through a member chosen by dice."""

    def __init__(
        self, number: int, sockets: Sequence[Path], round_name: str, seed: str, record: Record
    ) -> None:
        self._number = number
        self._callers = [Caller(path) for path in sockets]
        self._round = round_name
        self._dice = random.Random(seed)
        self._record = record
        self._serial = 0

    def run(self, stopping: threading.Event) -> None:
        try:
            while not stopping.wait(self._dice.uniform(0, THINK_S)):
                roll = self._dice.random()
                if roll < 0.35:
                    self._ledger_put(stopping)
                else:
                    self._register(roll)
        finally:
            for caller in self._callers:
                caller.close()

    # -- registers ---------------------------------------------------------------------------------

    def _register(self, roll: float) -> None:
        key = f"soak/{self._round}/register/{self._dice.randrange(4)}"
        if roll < 0.60:
            self._read(key)
        elif roll < 0.80:
            self._write(key, Put(key, self._value()))
        elif roll < 0.87:
            self._write(key, Delete(key))
        else:
            self._swap(key)

    def _value(self) -> bytes:
        self._serial += 1
        return f"{self._round}.{self._number}.{self._serial}".encode()

    def _read(self, key: str) -> tuple[bool, int, Value | None]:
        """Return whether an answer came, and revision and value then."""
        operation = self._call(Operation(self._number, key, READ))
        caller = self._dice.choice(self._callers)
        began = time.monotonic()
        try:
            entry = caller.get(key, TIMEOUT_S)
        except AetherError as problem:
            self._took(began)
            self._unexpected(problem)
            return False, 0, None
        self._took(began)
        value = None if entry is None else Value(entry.value.decode())
        with self._record.lock:
            self._record.history.finish(operation, value, time.monotonic())
        return True, 0 if entry is None else entry.mod_revision, value

    def _write(self, key: str, what: Put | Delete) -> None:
        value = Value(what.value.decode()) if isinstance(what, Put) else None
        operation = self._call(Operation(self._number, key, WRITE, value))
        fate, _ = self._submit(Txn(then=(what,), reason=REASON))
        self._close(operation, fate, None)

    def _swap(self, key: str) -> None:
        known, revision, held = self._read(key)
        if not known:
            return
        value = self._value()
        txn = Txn(then=(Put(key, value),), reason=REASON, guards=(Guard(key, revision),))
        operation = self._call(
            Operation(self._number, key, SWAP, Value(value.decode()), expected=held)
        )
        fate, outcome = self._submit(txn)
        self._close(operation, fate, isinstance(outcome, Applied))

    def _call(self, operation: Operation) -> Operation:
        with self._record.lock:
            return self._record.history.call(operation, time.monotonic())

    def _close(self, operation: Operation, fate: Fate, result: bool | None) -> None:
        with self._record.lock:
            if fate is Fate.ACKNOWLEDGED:
                self._record.history.finish(operation, result, time.monotonic())
            elif fate is Fate.REFUSED:
                self._record.history.refuse(operation, time.monotonic())

    # -- ledger ------------------------------------------------------------------------------------

    def _ledger_put(self, stopping: threading.Event) -> None:
        value = self._value()
        key = f"soak/{self._round}/ledger/{self._number}/{self._serial}"
        put = Txn(then=(Put(key, value),), reason=REASON, request_id=secrets.token_hex(8))
        line = Line(key, value, self._surely(put, stopping), time.monotonic())
        if line.put is Fate.ACKNOWLEDGED and self._dice.random() < 0.2:
            delete = Txn(then=(Delete(key),), reason=REASON, request_id=secrets.token_hex(8))
            line.deleted = self._surely(delete, stopping)
        with self._record.lock:
            self._record.ledger.lines.append(line)

    def _surely(self, txn: Txn, stopping: threading.Event) -> Fate:
        """Ask again under the same request id while the outcome is unknown."""
        was_unknown = False
        for _ in range(RETRIES):
            fate, _ = self._submit(txn)
            if fate is Fate.ACKNOWLEDGED:
                return fate
            was_unknown = was_unknown or fate is Fate.UNKNOWN
            if fate is Fate.REFUSED or stopping.is_set():
                break
        return Fate.UNKNOWN if was_unknown else Fate.REFUSED

    def _submit(self, txn: Txn) -> tuple[Fate, Outcome | None]:
        caller = self._dice.choice(self._callers)
        began = time.monotonic()
        try:
            outcome = caller.submit(txn, TIMEOUT_S)
        except NoQuorum:
            self._took(began)
            return Fate.REFUSED, None
        except AetherError as problem:
            self._took(began)
            self._unexpected(problem)
            return Fate.UNKNOWN, None
        now = self._took(began)
        with self._record.lock:
            self._record.acknowledged_at.append(now)
        return Fate.ACKNOWLEDGED, outcome

    def _took(self, began: float) -> float:
        now = time.monotonic()
        with self._record.lock:
            self._record.slowest_s = max(self._record.slowest_s, now - began)
        return now

    def _unexpected(self, problem: AetherError) -> None:
        """Note an error that says the request was wrong: these requests are not."""
        if problem.code in {"invalid", "conflict", "not_found", "too_large"}:
            with self._record.lock:
                self._record.surprises.append(f"{problem.code}: {problem.message}")
