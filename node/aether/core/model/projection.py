"""The view kept up to date: only what changed since the last look is decoded again.

A leader looks several times a second at a store of which little has changed. What a `Projector`
returns equals what `project` builds from the same entries, order included; tables nothing has
changed in are shared with the view before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aether.core.model.records import decode
from aether.core.model.view import FAMILIES, ClusterView, Family, assemble, family_of


@dataclass(frozen=True, slots=True)
class _Read:
    """One entry as it was read; `problem` says why it could not be."""

    value: bytes
    revision: int
    table: str
    name: Any = None
    record: Any = None
    problem: str = ""


class Projector:
    """Projects one store again and again; bounded by the entries of the last look.

    Not to be used for two stores: entries are told apart by key, revision and value.
    """

    def __init__(self) -> None:
        self._read: dict[str, _Read] = {}
        self._tables: dict[str, Mapping[Any, Any]] = {
            family.table: {} for family in FAMILIES.values()
        }
        self._view = assemble(self._tables, {}, {}, 0)

    def project(self, entries: Iterable[tuple[str, bytes, int]], revision: int) -> ClusterView:
        """Return the view of `(key, value, modification revision)` of every family it knows."""
        before, read = self._read, dict[str, _Read]()
        changed: set[str] = set()
        kept = 0
        for key, value, mod_revision in entries:
            known = before.get(key)
            if known is not None:
                kept += 1
                if known.revision == mod_revision and known.value == value:
                    read[key] = known
                    continue
            family = family_of(key)
            if family is not None:
                read[key] = _read(family, key, value, mod_revision)
                changed.add(family.table)
        if kept < len(before):
            changed.update(was.table for key, was in before.items() if key not in read)
        self._read = read
        self._view = self._assemble(changed, revision) if changed else self._view.at(revision)
        return self._view

    def _assemble(self, changed: set[str], revision: int) -> ClusterView:
        """Build the tables that changed anew, in the order of the entries; share the others."""
        fresh: dict[str, dict[Any, Any]] = {table: {} for table in sorted(changed)}
        for one in self._read.values():
            if one.table in fresh and not one.problem:
                fresh[one.table][one.name] = one.record
        self._tables = {**self._tables, **fresh}
        return assemble(
            self._tables,
            {key: one.revision for key, one in self._read.items()},
            {key: one.problem for key, one in self._read.items() if one.problem},
            revision,
        )


def _read(family: Family, key: str, value: bytes, revision: int) -> _Read:
    try:
        record = decode(value, family.kind)
        return _Read(value, revision, family.table, family.name(key), record)
    except ValueError as problem:
        return _Read(value, revision, family.table, problem=str(problem))
