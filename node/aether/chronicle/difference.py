"""What lies between two revisions: each key that changed, before and after, and every reason. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aether.chronicle.records import Recorded
from aether.core.model.subjects import subjects_of
from aether.core.store.commands import Entry, Range


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """One key that was changed between two revisions, also when it is as it was in the end."""

    key: str
    before: Entry | None
    after: Entry | None
    recorded: tuple[Recorded, ...]
    """The transactions that changed it, oldest first; none when they fell into a gap."""
    subjects: tuple[str, ...]


def difference(before: Range, after: Range, recorded: Sequence[Recorded]) -> list[KeyChange]:
    """Return the keys that changed between two states, by the transactions between them.

    Keys that differ without a recorded transaction, because of a gap, are there as well.
    """
    old = {entry.key: entry for entry in before.entries}
    new = {entry.key: entry for entry in after.entries}
    touched: dict[str, list[Recorded]] = {}
    for one in sorted(recorded, key=lambda one: one.revision):
        for change in one.changes:
            touched.setdefault(change.key, []).append(one)
    differing = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    return [
        KeyChange(
            key=key,
            before=old.get(key),
            after=new.get(key),
            recorded=tuple(touched.get(key, ())),
            subjects=tuple(sorted(_about(key, old.get(key), new.get(key), touched.get(key, ())))),
        )
        for key in sorted(differing | set(touched))
    ]


def _about(
    key: str, old: Entry | None, new: Entry | None, recorded: Iterable[Recorded]
) -> frozenset[str]:
    between = (change.entry for one in recorded for change in one.changes if change.key == key)
    return subjects_of(key, [e.value for e in (old, new, *between) if e is not None])
