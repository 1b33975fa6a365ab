"""Clients: each does one operation after the other on keys it shares with the others.

Every write has a value of its own, so that who saw what tells the order. An operation with a request
id is tried again until its outcome is known; one without is left open when nobody knows.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store import commands
from aether.core.store.codec import decode_result, encode_command
from aether.core.store.commands import Delete, Guard, Put, Txn
from aether.core.store.machine import KvMachine
from aether.store.native.results import Applied, Refused, Result, Unknown
from aether_forge.sim.raft.agenda import Agenda
from aether_forge.sim.raft.history import READ, SWAP, WRITE, History, Operation, Value
from aether_forge.sim.raft.member import SimMember

REASON = Reason("client:simulation", "workload", "an operation")
GRACE_S = 8.0
"""Local seconds after its deadline in which a request must be answered at the latest."""


@dataclass(slots=True, kw_only=True)
class Habits:
    """What clients do; chances of each kind."""

    clients: int = 4
    keys: int = 3
    think_s: float = 0.08
    timeout_s: float = 1.2
    patience_s: float = 3.0
    """How long an operation with a request id is tried again."""
    reads: float = 0.35
    swaps: float = 0.2
    deletes: float = 0.12
    unique: float = 0.15
    """Writes of a key that nobody else touches: what must be there at the end."""
    request_ids: float = 0.5


@dataclass(slots=True, eq=False)
class _Attempt:
    """An operation under way at one member."""

    operation: Operation
    command: bytes
    retries: bool
    give_up_at: float
    member: SimMember | None = None
    life: int = 0
    doubtful: bool = False
    """Whether an earlier try may have taken effect."""
    deadline: float = 0.0
    answered: bool = False
    serial: int = 0
    """Tells the tries apart."""


class Client:
    """One client; it never has more than one operation under way."""

    def __init__(self, number: int, throw: random.Random, habits: Habits, city: "Workload") -> None:
        self.number = number
        self.attempt: _Attempt | None = None
        self._dice = throw
        self._habits = habits
        self._city = city
        self._seen: dict[str, tuple[Value | None, int]] = {}
        """What each key held when last looked at, and its revision."""
        self._favourite: NodeId | None = None
        self._serial = 0
        self._mine: list[str] = []
        self._think()

    def _think(self) -> None:
        pause = self._dice.expovariate(1.0) * self._habits.think_s
        self._city.agenda.after(min(pause, 10 * self._habits.think_s), self._begin)

    def _begin(self) -> None:
        if self._city.over:
            return
        operation = self._pick()
        self._city.history.call(operation, self._city.agenda.now)
        has_id = operation.kind != READ and self._dice.random() < self._habits.request_ids
        command = b"" if operation.kind == READ else self._command(operation, has_id=has_id)
        patience = self._habits.patience_s if has_id else 0.0
        give_up_at = self._city.agenda.now + patience
        self.attempt = _Attempt(operation, command, has_id, give_up_at)
        self._try()

    def _pick(self) -> Operation:
        habits, roll = self._habits, self._dice.random()
        key = f"r{self._dice.randrange(habits.keys)}"
        self._serial += 1
        value = Value(f"{self.number}.{self._serial}")
        if roll < habits.reads:
            return Operation(self.number, key, READ)
        roll -= habits.reads
        if roll < habits.swaps:
            expected = self._seen.get(key, (None, 0))[0]
            return Operation(self.number, key, SWAP, value, expected)
        roll -= habits.swaps
        if roll < habits.deletes:
            return Operation(self.number, key, WRITE, None)
        roll -= habits.deletes
        if roll < habits.unique:
            return self._unique(value)
        return Operation(self.number, key, WRITE, value)

    def _unique(self, value: Value) -> Operation:
        """Write a key of one's own, or delete one for good."""
        if self._mine and self._dice.random() < 0.35:
            key = self._mine.pop(self._dice.randrange(len(self._mine)))
            return Operation(self.number, key, WRITE, None)
        key = f"u{self.number}.{self._serial}"
        self._mine.append(key)
        return Operation(self.number, key, WRITE, value)

    def _command(self, operation: Operation, *, has_id: bool) -> bytes:
        key, value = operation.key, operation.value
        name = f"{self.number}.{self._serial}"
        guards: tuple[Guard, ...] = ()
        if operation.kind == SWAP:
            guards = (Guard(key, self._seen.get(key, (None, 0))[1]),)
        then = Delete(key) if value is None else Put(key, value.encode())
        # The reason makes commands without a request id differ too, deletes of one key included.
        reason = Reason(REASON.actor, REASON.rule, name)
        return encode_command(Txn((then,), reason, guards, request_id=name if has_id else ""))

    def _try(self) -> None:
        attempt = self.attempt
        assert attempt is not None  # noqa: S101 - tries are made of an attempt only
        member = self._choose()
        attempt.serial += 1
        attempt.member, attempt.life = member, member.life
        attempt.operation.node = member.node
        attempt.answered = False
        serial = attempt.serial
        if not member.runs:
            self._settle(attempt, serial, Refused("no_leader", "connection refused"))
            return
        attempt.deadline = member.now() + self._habits.timeout_s
        if attempt.operation.kind == READ:
            member.tell(
                lambda replica, now: replica.read(
                    lambda outcome: self._read(attempt, serial, member, outcome),
                    attempt.deadline,
                    now,
                )
            )
            return
        member.tell(
            lambda replica, now: replica.submit(
                attempt.command,
                lambda result: self._settle(attempt, serial, result),
                attempt.deadline,
                now,
            )
        )

    def _choose(self) -> SimMember:
        members = self._city.members()
        if self._favourite is not None and self._dice.random() < 0.6:
            for member in members:
                if member.node == self._favourite and member.runs:
                    return member
        return self._dice.choice(members)

    def _read(
        self, attempt: _Attempt, serial: int, member: SimMember, outcome: Refused | Unknown | None
    ) -> None:
        """Take what the member's machine holds at the moment it says the read may be served."""
        if outcome is not None or member.machine is None:
            self._settle(attempt, serial, outcome or Unknown("stopped"))
            return
        entry = member.machine.inner.get(attempt.operation.key)
        value = Value(entry.value.decode()) if entry else None
        self._seen[attempt.operation.key] = (value, entry.mod_revision if entry else 0)
        self._settle(attempt, serial, None, value)

    def _settle(
        self, attempt: _Attempt, serial: int, result: Result | None, value: Value | None = None
    ) -> None:
        """Take the answer to one try."""
        if serial == attempt.serial and attempt.answered:
            self._city.complain(f"client {self.number} was answered twice: {attempt.operation}")
        if serial != attempt.serial or self.attempt is not attempt:
            return
        attempt.answered = True
        match result:
            case None:
                self._finish(attempt, value)
            case Applied(data):
                self._applied(attempt, decode_result(data))
            case Refused(code):
                self._favourite = None
                self._city.count(f"refused: {code}")
                self._again(attempt)
            case Unknown():
                self._favourite = None
                attempt.doubtful = True
                self._again(attempt)

    def _applied(self, attempt: _Attempt, outcome: object) -> None:
        operation = attempt.operation
        self._favourite = attempt.member.node if attempt.member else None
        if isinstance(outcome, commands.Applied):
            if operation.value is None:
                self._seen[operation.key] = (None, 0)
            else:
                self._seen[operation.key] = (operation.value, outcome.revision)
            self._finish(attempt, operation.kind == SWAP or None)
        elif isinstance(outcome, commands.Refused) and operation.kind == SWAP:
            self._seen.pop(operation.key, None)
            self._finish(attempt, result=False)
        else:
            self._city.complain(f"{operation} was answered {outcome}")

    def _finish(
        self,
        attempt: _Attempt,
        result: Value | bool | None,  # noqa: FBT001 - a swap answers yes or no
    ) -> None:
        self._city.history.finish(attempt.operation, result, self._city.agenda.now)
        self._city.count("operations known")
        self._done()

    def _again(self, attempt: _Attempt) -> None:
        """Try again where that is safe, else leave the operation as it is."""
        now = self._city.agenda.now
        if attempt.retries and now < attempt.give_up_at and not self._city.over:
            pause = self._dice.uniform(0.02, 0.2)
            self._city.agenda.after(pause, self._try_later(attempt))
            return
        if not attempt.doubtful:
            self._city.history.refuse(attempt.operation, now)
        else:
            self._city.count("operations unknown")
        self._done()

    def _try_later(self, attempt: _Attempt) -> Callable[[], None]:
        def go() -> None:
            if self.attempt is attempt:
                self._try()

        return go

    def _done(self) -> None:
        self.attempt = None
        self._think()

    def member_ended(self, member: SimMember) -> None:
        """Notice that the process one waits for is gone."""
        attempt = self.attempt
        if attempt is not None and attempt.member is member and not attempt.answered:
            attempt.answered = True
            attempt.serial += 1
            attempt.doubtful = True
            self._again(attempt)

    def overdue(self) -> Operation | None:
        """Return an operation whose answer is long past its deadline at a running member."""
        attempt = self.attempt
        if attempt is None or attempt.answered or attempt.member is None:
            return None
        member = attempt.member
        if not member.runs or member.paused or member.life != attempt.life:
            return None
        return attempt.operation if member.now() > attempt.deadline + GRACE_S else None


class City(Protocol):
    """Where clients live."""

    agenda: Agenda

    def askable(self) -> list[SimMember]:
        """Return the members clients know."""
        ...

    def complain(self, violation: str) -> None:
        """Take note of a broken promise."""
        ...

    def count(self, what: str) -> None:
        """Take note that something happened."""
        ...


class Workload:
    """All clients of a run."""

    def __init__(
        self,
        city: "City",
        throw: Callable[[str], random.Random],
        habits: Habits,
        history: History,
    ) -> None:
        self.history = history
        self.agenda = city.agenda
        self.members = city.askable
        self.complain = city.complain
        self.count = city.count
        self.over = False
        """Set when clients shall not begin anything more."""
        self.clients = [
            Client(number, throw(f"client/{number}"), habits, self)
            for number in range(habits.clients)
        ]

    def member_ended(self, member: SimMember) -> None:
        """Tell every client that a process ended."""
        for client in self.clients:
            client.member_ended(member)

    @property
    def idle(self) -> bool:
        """Whether no operation is under way."""
        return all(client.attempt is None for client in self.clients)

    def overdue(self) -> list[Operation]:
        """Return the operations whose answer never came."""
        late = [client.overdue() for client in self.clients]
        return [operation for operation in late if operation is not None]


def entries_of(machine: KvMachine) -> dict[str, Value]:
    """Return everything a member holds."""
    return {one.key: Value(one.value.decode()) for one in machine.range("").entries}
