"""What a level-triggered loop sees of this node's copy of the store: all of it, at one revision."""

from collections.abc import Sequence

from aether.core.model.projection import Projector
from aether.core.model.view import ClusterView
from aether.core.store.commands import Entry
from aether.ports import Store


class Look:
    """Looks at one store again and again; what has not changed since the last look is not read again."""

    def __init__(self, store: Store, prefixes: Sequence[str]) -> None:
        self._store = store
        self._prefixes = tuple(prefixes)
        self._projector = Projector()
        self._entries: tuple[Entry, ...] = ()
        self._triples: list[tuple[str, bytes, int]] = []
        self._view = ClusterView(revision=-1)

    def view(self) -> ClusterView:
        """Return what lies under the prefixes, as this node's copy has it; it may be stale."""
        level = self._store.level(self._prefixes)
        if level.entries is not self._entries:
            self._entries = level.entries
            self._triples = [
                (entry.key, entry.value, entry.mod_revision) for entry in level.entries
            ]
        elif level.revision == self._view.revision:
            return self._view
        self._view = self._projector.project(self._triples, level.revision)
        return self._view
