"""A court over a ledger of its own: commits are given to judges one by one."""

from collections import Counter
from typing import Protocol

from aether.core.model.reason import Reason
from aether.core.store.commands import Change, Changes, Entry, Guard, Operation, Put, Txn
from aether_forge.sim.control.judges import Court
from aether_forge.sim.control.ledger import Ledger


class Judge(Protocol):
    def judge(self, txn: Txn, changes: Changes) -> None: ...


class Session:
    """Commits and what was complained of."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.time = 100.0
        self.complaints: list[str] = []
        self.court = Court(self.ledger, lambda: self.time, self.complaints.append, Counter[str]())
        self.judges: list[Judge] = []
        self.revision = 0

    def commit(
        self, actor: str, rule: str, *operations: Operation, guards: tuple[Guard, ...] = ()
    ) -> list[str]:
        """Commit and return what is complained of this commit."""
        before = len(self.complaints)
        self.revision += 1
        changes = []
        for operation in operations:
            if isinstance(operation, Put):
                entry = Entry(operation.key, operation.value, self.revision, self.revision, 1)
                changes.append(Change(operation.key, entry))
            else:
                changes.append(Change(getattr(operation, "key", ""), None))
        for change in changes:
            self.ledger.take(change)
        txn = Txn(operations, Reason(actor, rule, "as the test says"), guards)
        for judge in self.judges:
            judge.judge(txn, Changes(self.revision, txn.reason, tuple(changes)))
        return self.complaints[before:]
