"""Whether some order of these operations on one register explains every answer.

The search of Wing and Gong with Lowe's memo: take any operation that was called before the first
return still unexplained, and never try the same set of taken operations with the same value twice.
Registers are independent, so a history is judged key by key.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aether_forge.sim.raft.history import OPEN, READ, WRITE, Operation, Value

BUDGET = 2_000_000
"""Steps after which a history counts as undecided."""


class Undecided(RuntimeError):
    """The search ran out of steps: shorten the history."""


@dataclass(slots=True, eq=False)
class _Mark:
    """A call or a return in the list of what is not yet explained."""

    operation: int
    is_return: bool
    before: "_Mark | None" = None
    after: "_Mark | None" = None


class _Marks:
    """Calls and returns in order, linked so that an operation is taken out and put back at once."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        moments = [(one.called, False, number) for number, one in enumerate(operations)]
        moments += [(one.returned, True, number) for number, one in enumerate(operations)]
        moments.sort()
        self.head = _Mark(-1, is_return=False)
        self._calls: dict[int, _Mark] = {}
        self._returns: dict[int, _Mark] = {}
        last = self.head
        for _, is_return, number in moments:
            mark = _Mark(number, is_return, before=last)
            (self._returns if is_return else self._calls)[number] = mark
            last.after = mark
            last = mark

    def take(self, number: int) -> None:
        for mark in (self._calls[number], self._returns[number]):
            assert mark.before is not None  # noqa: S101 - only the head has none
            mark.before.after = mark.after
            if mark.after is not None:
                mark.after.before = mark.before

    def put_back(self, number: int) -> _Mark | None:
        """Undo the last `take`; return what comes after the call."""
        for mark in (self._returns[number], self._calls[number]):
            assert mark.before is not None  # noqa: S101 - only the head has none
            mark.before.after = mark
            if mark.after is not None:
                mark.after.before = mark
        return self._calls[number].after


def _step(operation: Operation, held: Value | None) -> tuple[bool, Value | None]:
    """Return whether the answer fits a register that holds `held`, and what it holds then."""
    if operation.kind == READ:
        return operation.result == held, held
    if operation.kind == WRITE:
        return True, operation.value
    hit = operation.expected == held
    fits = operation.returned == OPEN or operation.result == hit
    return fits, operation.value if hit else held


def linearizable(operations: Sequence[Operation], budget: int = BUDGET) -> bool:
    """Judge the operations on one key that begins absent; raises Undecided."""
    marks = _Marks(operations)
    left = sum(one.returned < OPEN for one in operations)
    held: Value | None = None
    done = 0
    taken: list[tuple[int, Value | None]] = []
    seen: set[tuple[int, Value | None]] = set()
    mark = marks.head.after
    while left:
        budget -= 1
        if budget < 0:
            raise Undecided(f"{len(operations)} operations took more steps than allowed")
        if mark is not None and not mark.is_return:
            number = mark.operation
            fits, then = _step(operations[number], held)
            state = (done | 1 << number, then)
            if not fits or state in seen:
                mark = mark.after
                continue
            seen.add(state)
            taken.append((number, held))
            done, held = state
            left -= operations[number].returned < OPEN
            marks.take(number)
            mark = marks.head.after
        elif taken:
            number, held = taken.pop()
            done &= ~(1 << number)
            left += operations[number].returned < OPEN
            mark = marks.put_back(number)
        else:
            return False
    return True


def minimal(operations: Sequence[Operation]) -> list[Operation]:
    """Return a small part of a history that is wrong by itself.

    First the shortest beginning that cannot be explained; then without every operation whose
    value nobody saw and without which it still cannot be explained.
    """
    ordered = sorted(operations, key=lambda one: one.called)
    returns = sorted(one.returned for one in ordered if one.returned < OPEN)
    low, high = 0, len(returns) - 1
    while low < high:
        middle = (low + high) // 2
        if linearizable(_until(ordered, returns[middle])):
            low = middle + 1
        else:
            high = middle
    kept = _until(ordered, returns[low]) if returns else list(ordered)
    for one in list(kept):
        rest = [other for other in kept if other is not one]
        if not _is_seen(one, rest) and not linearizable(rest):
            kept = rest
    return kept


def _is_seen(one: Operation, rest: Sequence[Operation]) -> bool:
    """Whether another operation's answer depends on what `one` wrote."""
    if one.kind == READ:
        return False
    if one.value is None:
        return any(other.kind == READ and other.result is None for other in rest)
    return any(
        one.value in (other.result, other.expected) for other in rest if other.result is not None
    )


def _until(operations: Sequence[Operation], moment: int) -> list[Operation]:
    """Return what had been called by `moment`, with what had returned by then."""
    beginning = []
    for one in operations:
        if one.called > moment:
            continue
        if one.returned <= moment:
            beginning.append(one)
        elif one.kind != READ:
            beginning.append(
                Operation(
                    one.client,
                    one.key,
                    one.kind,
                    one.value,
                    one.expected,
                    called=one.called,
                    called_at=one.called_at,
                    node=one.node,
                )
            )
    return beginning
