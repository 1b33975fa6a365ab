"""What clients asked and were told, in the order of one counter: the evidence checkers judge."""

from dataclasses import dataclass, field
from typing import NewType

Value = NewType("Value", str)
"""What a key holds; every write of a run has one of its own."""

READ = "read"
WRITE = "write"
"""Puts `value`; None deletes the key."""
SWAP = "swap"
"""Puts `value` where the key holds `expected`; `result` is whether it did."""

OPEN = 1 << 62
"""Return of an operation whose outcome nobody knows: it may still take effect."""


@dataclass(slots=True, eq=False)
class Operation:
    """One operation of one client on one key."""

    client: int
    key: str
    kind: str
    value: Value | None = None
    expected: Value | None = None
    result: Value | bool | None = None
    """Of a read what was there; of a swap whether it happened."""
    called: int = 0
    returned: int = OPEN
    """Order of call and return among all of the run."""
    refused: bool = False
    """Whether it surely never took effect."""
    called_at: float = 0.0
    returned_at: float = 0.0
    """Virtual seconds, for readers of the story."""
    node: str = ""
    """Who answered, or was asked last."""

    @property
    def is_open(self) -> bool:
        """Whether its outcome is unknown."""
        return self.returned == OPEN and not self.refused

    def __str__(self) -> str:
        what = {
            READ: f"read -> {self.result}",
            WRITE: "delete" if self.value is None else f"write {self.value}",
            SWAP: f"swap {self.expected} for {self.value} -> {self.result}",
        }[self.kind]
        end = (
            "refused" if self.refused else "unknown" if self.is_open else f"{self.returned_at:.3f}"
        )
        return (
            f"{self.called_at:8.3f} .. {end:>8}  client {self.client} at {self.node or '?'}: "
            f"{self.key} {what}"
        )


@dataclass(slots=True)
class History:
    """Operations of one run, in the order they were called."""

    operations: list[Operation] = field(default_factory=list)
    _moment: int = 0

    def call(self, operation: Operation, now: float) -> Operation:
        """Note that `operation` begins."""
        self._moment += 1
        operation.called = self._moment
        operation.called_at = now
        self.operations.append(operation)
        return operation

    def finish(
        self,
        operation: Operation,
        result: Value | bool | None,  # noqa: FBT001 - a swap answers yes or no
        now: float,
    ) -> None:
        """Note that `operation` took effect between its call and now."""
        self._moment += 1
        operation.returned = self._moment
        operation.returned_at = now
        operation.result = result

    def refuse(self, operation: Operation, now: float) -> None:
        """Note that `operation` never took effect and never will."""
        operation.refused = True
        operation.returned_at = now

    def by_key(self) -> dict[str, list[Operation]]:
        """Return what can be judged, key by key: unknown reads and refused operations say nothing."""
        keys: dict[str, list[Operation]] = {}
        for operation in self.operations:
            if operation.refused or (operation.kind == READ and operation.is_open):
                continue
            keys.setdefault(operation.key, []).append(operation)
        return keys
