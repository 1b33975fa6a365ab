"""What a node tells its routers: the whole table, what changed of it, or only that time went on."""

from dataclasses import dataclass

from aether.core.dataplane.delta import between, delta_of, delta_to_plain
from aether.core.dataplane.fingerprint import fingerprint, moved
from aether.core.dataplane.table import Table
from aether.frames import pack

LINK_FRAME_BYTES = 64 * 1024 * 1024
"""Longest message to a router: a table of some 300,000 endpoints."""


@dataclass(frozen=True, slots=True, eq=False)
class Edition:
    """One table without contradictions, and its fingerprint."""

    table: Table
    number: int


def first_edition(table: Table) -> Edition:
    """Return the edition of a table; raise ValueError when it contradicts itself."""
    _refuse(table, table.check())
    return Edition(table, fingerprint(table))


def next_edition(present: Edition, table: Table) -> Edition:
    """Return the edition after `present`; only what changed is checked and counted.

    Raises ValueError when the table contradicts itself.
    """
    before = present.table
    if table.node != before.node:
        return first_edition(table)
    if table.says_the_same(before):
        return Edition(table, present.number)
    _refuse(table, table.check(before))
    gone, come = between(before, table)
    return Edition(table, moved(present.number, before, table, gone.all(), come.all()))


def _refuse(table: Table, problems: list[str]) -> None:
    if problems:
        raise ValueError(f"routing table of revision {table.revision}: {'; '.join(problems)}")


class Editions:
    """The present edition, packed for each that routers have; each frame is packed once."""

    def __init__(self) -> None:
        self.present: Edition | None = None
        self._frames: dict[Edition | None, bytes] = {}

    def publish(self, table: Table) -> bool:
        """Make a table the present one; say whether it tells routers anything but its revision.

        Raises ValueError when it contradicts itself.
        """
        before = self.present
        self.present = next_edition(before, table) if before else first_edition(table)
        self._frames.clear()
        return before is None or not is_same(before, self.present)

    def frame(self, known: Edition | None) -> bytes:
        """Return what brings a router from the edition it has to the present one; None: it has none.

        Raises ValueError when it is too large for a frame; LookupError before the first edition.
        """
        if self.present is None:
            raise LookupError("no routing table has been published")
        if known not in self._frames:
            self._frames[known] = _pack(known, self.present)
        return self._frames[known]


def is_same(one: Edition, other: Edition) -> bool:
    """Whether two editions of one feed differ in their revision at most."""
    return one.number == other.number and one.table.says_the_same(other.table)


def _pack(known: Edition | None, present: Edition) -> bytes:
    table, message = present.table, {"fingerprint": present.number}
    if known is not None and known.table.node == table.node:
        if is_same(known, present):
            return pack({"op": "revision", "revision": table.revision, **message})
        gone, come = between(known.table, table)
        if 2 * (len(gone) + len(come)) < len(table.routes) + len(table.instances):
            delta = delta_to_plain(delta_of(known.table, table, gone, come))
            return pack({"op": "delta", **delta, **message}, LINK_FRAME_BYTES)
    return pack({"op": "table", "table": table, **message}, LINK_FRAME_BYTES)
