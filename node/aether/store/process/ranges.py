"""Reads of the machine as clients ask for them."""

from aether.core.store.commands import Entry, Range
from aether.core.store.limits import key_problem, prefix_problem
from aether.core.store.machine import KvMachine
from aether.store.protocol import Get, List
from aether.store.reads import range_of
from aether.store.submitter import refuse

_PAGE = 512


def read_one(machine: KvMachine, asked: Get) -> Range:
    """Return one key as a range of none or one; raises Invalid."""
    refuse(key_problem(asked.key))
    entry = machine.get(asked.key)
    return Range(machine.revision, () if entry is None else (entry,))


def read_many(machine: KvMachine, asked: List) -> Range:
    """Return a range; raises Invalid, or Conflict `compacted` for a revision that is gone."""
    refuse(prefix_problem(asked.prefix) or prefix_problem(asked.start, "start"))
    if asked.without:
        return _read_around(machine, asked)
    return range_of(machine, asked.prefix, asked.limit, asked.start, asked.revision)


def _read_around(machine: KvMachine, asked: List) -> Range:
    """Return everything under the prefix but what lies under `without`, without walking that."""
    entries: list[Entry] = []
    start = ""
    while True:
        page = machine.range(asked.prefix, limit=_PAGE, start=start)
        mine = [entry for entry in page.entries if not entry.key.startswith(asked.without)]
        entries += mine
        if not page.more:
            return Range(machine.revision, tuple(entries))
        last = page.entries[-1].key
        start = _after(asked.without) if len(mine) < len(page.entries) else last + "\0"
        if not start or start <= last:
            start = last + "\0"


def _after(prefix: str) -> str:
    """Return the least key behind all that start with `prefix`; empty when there is none."""
    for position in range(len(prefix) - 1, -1, -1):
        if ord(prefix[position]) < 0xD7FF:
            return prefix[:position] + chr(ord(prefix[position]) + 1)
    return ""
