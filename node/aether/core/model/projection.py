"""The view kept up to date: only what changed since the last look is decoded again.

A leader looks several times a second at a store of which little has changed. What a `Projector`
returns equals what `project` builds from the same entries, order included; tables nothing has
changed in are shared with the view before, and so are slices.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, cast

from aether.core.model.records import BROKEN, decode, reader
from aether.core.model.slice_view import Changes
from aether.core.model.view import FAMILIES, ClusterView, Family, assemble, family_of

_Entry = tuple[str, bytes, int]
"""Key, value, modification revision."""

_NO_PREFIX = "\0"
"""What no key begins with."""


class _Read(NamedTuple):
    """One entry as it was read; `problem` says why it could not be."""

    entry: _Entry
    name: Any
    record: Any
    table: str
    problem: str = ""


class Projector:
    """Projects one store again and again; bounded by the entries of the last look.

    Not to be used for two stores: entries are told apart by key, revision and value.
    """

    def __init__(self) -> None:
        self._read: dict[str, _Read]
        self._tables: dict[str, Mapping[Any, Any]]
        self._view: ClusterView
        self._begin()

    def _begin(self) -> None:
        self._read = {}
        self._tables = {family.table: {} for family in FAMILIES.values()}
        self._view = assemble(self._tables, {}, {}, 0)

    def project(self, entries: Iterable[_Entry], revision: int) -> ClusterView:
        """Return the view of `(key, value, modification revision)` of every family it knows.

        A look that breaks off is forgotten, with all before it: the next reads everything anew.
        """
        try:
            again, whole = _differing(self._read, iter(entries))
            if whole is not None:
                return self._look_at_all(whole, revision)
            return self._look_again(again, revision)
        except BaseException:
            self._begin()
            raise

    def _look_again(self, rewritten: Iterable[_Entry], revision: int) -> ClusterView:
        """Return the view with other values under some of the keys, in the order there was."""
        again = [_read(FAMILIES[entry[0].partition("/")[0]], entry) for entry in rewritten]
        if any(one.problem or self._read[one.entry[0]].problem for one in again):
            present = {one.entry[0]: one.entry for one in again}
            whole = [present.get(key, was.entry) for key, was in self._read.items()]
            return self._look_at_all(whole, revision)
        if not again:
            self._view = self._view.at(revision)
            return self._view
        fresh: dict[str, dict[Any, Any]] = {}
        revisions, changes = dict(self._view.revisions), Changes()
        for one in again:
            if one.table not in fresh:
                fresh[one.table] = dict(self._tables[one.table])
            fresh[one.table][one.name] = one.record
            self._read[one.entry[0]] = one
            revisions[one.entry[0]] = one.entry[2]
            _note(changes, one)
        self._tables = {**self._tables, **fresh}
        view = assemble(self._tables, revisions, self._view.unreadable, revision)
        self._view = view.after(self._view, changes)
        return self._view

    def _look_first(self, entries: Iterable[_Entry], revision: int) -> ClusterView:
        """Return the view of entries of which none was seen before: a new leader's first look."""
        tables: dict[str, dict[Any, Any]] = {family.table: {} for family in FAMILIES.values()}
        revisions: dict[str, int] = {}
        for family, run in _runs(entries):
            table, take, name = tables[family.table], reader(family.kind), family.name
            for entry in run:
                revisions[entry[0]] = entry[2]
                try:
                    one = _Read(entry, name(entry[0]), take(entry[1]), family.table)
                except BROKEN:
                    one = _read(family, entry)  # it says what is wrong
                else:
                    table[one[1]] = one[2]
                self._read[entry[0]] = one
        self._tables = {**tables}
        unreadable = {one.entry[0]: one.problem for one in self._read.values() if one.problem}
        self._view = assemble(tables, revisions, unreadable, revision)
        return self._view

    def _look_at_all(self, entries: Sequence[_Entry], revision: int) -> ClusterView:
        """Return the view of entries of which some are new or gone, or cannot be read."""
        if not self._read:
            return self._look_first(entries, revision)
        names = [entry[0] for entry in entries]
        known = list(map(self._read.get, names))
        before, read = self._read, dict(zip(names, known, strict=True))
        changed = list[_Read]()
        for entry, was in zip(entries, known, strict=True):
            if was is not None and was.entry == entry:
                continue
            family = family_of(entry[0])
            if family is None:
                del read[entry[0]]
                continue
            changed.append(_read(family, entry))
            read[entry[0]] = changed[-1]
            if was is not None:
                changed.append(was)
        if len(known) - known.count(None) < len(before):
            changed += [was for key, was in before.items() if key not in read]
        self._read = cast("dict[str, _Read]", read)  # what was not known has been read now
        self._view = self._assemble(changed, revision) if changed else self._view.at(revision)
        return self._view

    def _assemble(self, changed: Collection[_Read], revision: int) -> ClusterView:
        """Build the tables that changed anew, in the order of the entries; share the others."""
        found = self._read.values()
        fresh: dict[str, dict[Any, Any]] = {
            table: {} for table in sorted({one.table for one in changed})
        }
        for _, name, record, table, problem in found:
            if table in fresh and not problem:
                fresh[table][name] = record
        self._tables = {**self._tables, **fresh}
        unreadable = self._view.unreadable
        if unreadable or any(one.problem for one in changed):
            unreadable = {one.entry[0]: one.problem for one in found if one.problem}
        revisions = {one.entry[0]: one.entry[2] for one in found}
        view = assemble(self._tables, revisions, unreadable, revision)
        if self._view.revisions:
            changes = Changes()
            for one in changed:
                _note(changes, one)
            view.after(self._view, changes)
        return view


def _differing(
    read: Mapping[str, _Read], entries: Iterator[_Entry]
) -> tuple[list[_Entry], list[_Entry] | None]:
    """Return the entries that differ from those read, and all of them unless they are under the same keys.

    An entry that is as it was read is not kept: a value made for this look alone is freed at once.
    """
    found, same = list[_Entry](), 0
    rest: list[_Entry] = []
    for was, entry in zip(read.values(), entries, strict=False):
        if was[0] != entry:
            if was[0][0] != entry[0]:
                rest.append(entry)
                break
            found.append(entry)
        same += 1
    rest += entries
    if not rest and same == len(read):
        return found, None
    present = {entry[0]: entry for entry in found}
    first = [present.get(was[0][0], was[0]) for was in islice(read.values(), same)]
    return found, first + rest


def _runs(entries: Iterable[_Entry]) -> Iterator[tuple[Family, Sequence[_Entry]]]:
    """Yield the entries of the families the view holds, each stretch of one family at a time."""
    family, run, prefix = None, list[_Entry](), _NO_PREFIX
    for entry in entries:
        if not entry[0].startswith(prefix):
            if family is not None:
                yield family, run
            part, slash, _ = entry[0].partition("/")
            family, run, prefix = FAMILIES.get(part), [], part + slash if slash else _NO_PREFIX
        run.append(entry)
    if family is not None:
        yield family, run


def _read(family: Family, entry: _Entry) -> _Read:
    try:
        record = decode(entry[1], family.kind)
        return _Read(entry, family.name(entry[0]), record, family.table)
    except ValueError as problem:
        return _Read(entry, None, None, family.table, str(problem))


def _note(changes: Changes, one: _Read) -> None:
    """Note what changes with one entry, where slices depend on it."""
    if one.problem:
        return
    match one.table:
        case "wanted" | "phases":
            changes.placed.add(one.name)
        case "targets":
            changes.targets.add(one.name)
        case "nodes" | "verdicts":
            changes.nodes.add(one.name)
