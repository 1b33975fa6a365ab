"""What a round must show once all is quiet again."""

from collections.abc import Mapping, Sequence

from aether.core.store.commands import Entry, Range
from aether_forge.sim.raft.history import OPEN, READ, Operation
from aether_forge.sim.raft.linearizable import Undecided, linearizable, minimal
from tests.soak.ledger import Ledger
from tests.soak.workload import Record

MOST_SHOWN = 10
"""Violations of one kind that are spelled out."""


def violations(record: Record, finals: Mapping[str, Range]) -> list[str]:
    """Judge one round; `finals` is a linearizable read of the round's keys through each member."""
    problems = [f"a client was told {surprise}" for surprise in sorted(set(record.surprises))]
    problems += differing(finals)
    if finals:
        found = _first(finals)
        problems += lasting(record.ledger, finals)
        problems += unlinearizable(_with_finals(record, found))
    return problems


def lasting(ledger: Ledger, finals: Mapping[str, Range]) -> list[str]:
    """Judge a ledger by what is there now."""
    held = {key: entry for key, entry in _first(finals).items() if "/ledger/" in key}
    problems = ledger.violations(held)
    more = len(problems) - MOST_SHOWN
    return problems if more <= 0 else [*problems[:MOST_SHOWN], f"... and {more} more"]


def _first(finals: Mapping[str, Range]) -> dict[str, Entry]:
    return {entry.key: entry for entry in next(iter(finals.values())).entries}


def differing(finals: Mapping[str, Range]) -> list[str]:
    """Say which members answer a read of the same keys differently."""
    if not finals:
        return []
    first, *others = finals
    return [
        f"{other} and {first} disagree on {sorted(_entries(finals[other]) ^ _entries(finals[first]))[:3]}"
        for other in others
        if _entries(finals[other]) != _entries(finals[first])
    ]


def _entries(answer: Range) -> set[tuple[str, bytes, int, int]]:
    return {(e.key, e.value, e.mod_revision, e.version) for e in answer.entries}


def _with_finals(record: Record, found: Mapping[str, Entry]) -> dict[str, list[Operation]]:
    """Return the history by key, each with a last read of what is there now."""
    keys = record.history.by_key()
    for key, operations in keys.items():
        entry = found.get(key)
        last = max(one.called for one in operations)
        last = max([last, *(one.returned for one in operations if one.returned < OPEN)])
        value = None if entry is None else entry.value.decode()
        final = Operation(-1, key, READ, result=value, called=last + 1, returned=last + 2)  # type: ignore[arg-type] # a Value is a str
        operations.append(final)
    return keys


def unlinearizable(keys: Mapping[str, Sequence[Operation]]) -> list[str]:
    """Judge each register's history."""
    problems = []
    for key, operations in sorted(keys.items()):
        try:
            if not linearizable(operations):
                story = "\n    ".join(str(one) for one in minimal(operations))
                problems.append(f"{key} is not linearizable:\n    {story}")
        except Undecided as problem:
            problems.append(f"{key} was not decided: {problem}")
    return problems
