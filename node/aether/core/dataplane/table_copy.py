"""A router's copy of its node's routing table: which messages change it, and how.

A table older than the copy is not taken: a node that has just started reads its own store from the
beginning, and what the router knows is newer. One that contradicts itself is refused, and the last
good one stays. A change that does not lead to the table its sender means is not taken at all.
"""

from dataclasses import replace
from typing import Any

from aether.core.dataplane.delta import applied, delta_from_plain
from aether.core.dataplane.fingerprint import fingerprint, moved
from aether.core.dataplane.table import Table, from_plain


class Drifted(Exception):
    """The copy is not the table its node thinks it is; the whole table is needed."""


class Refused(ValueError):
    """A table that cannot be used; `problems` says why, `revision` is -1 when that could not be read."""

    def __init__(self, revision: int, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.revision = revision
        self.problems = problems


class TableCopy:
    """The table in use and its fingerprint."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.number = fingerprint(table)

    def take_whole(self, plain: object) -> None:
        """Take a whole table, if it is not older than the copy; raise Refused."""
        try:
            table = from_plain(plain)
        except ValueError as problem:
            raise Refused(-1, [str(problem)]) from problem
        _check(table, None)
        if table.revision < self.table.revision:
            return
        if table.says_the_same(self.table):
            self.table = replace(self.table, revision=table.revision)
        else:
            self.table, self.number = table, fingerprint(table)

    def take_delta(self, plain: dict[Any, Any], number: int) -> None:
        """Take a change that leads to the table of this fingerprint; raise Drifted or Refused."""
        try:
            delta = delta_from_plain(plain)
        except ValueError as problem:
            raise Refused(-1, [str(problem)]) from problem
        before = self.table
        if delta.base != before.revision:
            raise Drifted(f"a change from revision {delta.base} came to one of {before.revision}")
        table, gone = applied(before, delta)
        after = moved(self.number, before, table, gone.all(), delta.put.all())
        if after != number:
            raise Drifted(f"the change to revision {delta.revision} gave another table than meant")
        if table.revision < before.revision:
            return
        _check(table, before)
        self.table, self.number = table, number

    def take_revision(self, revision: int, number: int) -> None:
        """Note that the table of this fingerprint is that of a later revision too; raise Drifted."""
        if number != self.number:
            raise Drifted(
                f"the table of revision {revision} is not the one of {self.table.revision}"
            )
        if revision > self.table.revision:
            self.table = replace(self.table, revision=revision)


def _check(table: Table, known: Table | None) -> None:
    problems = table.check(known)
    if problems:
        raise Refused(table.revision, problems)
