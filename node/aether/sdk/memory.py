"""MemoryKv: a Kv for the tests of a slice's author, kept in this process and gone with it."""

from collections.abc import Sequence

from aether.sdk.kv import Entry, Kv, KvConflict


class MemoryKv(Kv):
    """Behaves as the cluster's store does, for one process."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._revision = 0

    async def get(self, key: str) -> Entry | None:
        """Return the entry, or None when there is none."""
        return self._entries.get(key)

    async def put(self, key: str, value: bytes, *, version: int | None = None) -> int:
        """Write and return the new version."""
        self._check(key, version)
        self._revision += 1
        self._entries[key] = Entry(key, value, self._revision)
        return self._revision

    async def delete(self, key: str, *, version: int | None = None) -> bool:
        """Remove the key and say whether it was there."""
        self._check(key, version)
        return self._entries.pop(key, None) is not None

    async def range(self, prefix: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return at most `limit` entries under `prefix`, sorted by key."""
        found = sorted(key for key in self._entries if key.startswith(prefix))
        return [self._entries[key] for key in found[:limit]]

    def _check(self, key: str, version: int | None) -> None:
        present = self._entries.get(key)
        found = present.version if present is not None else 0
        if version is not None and version != found:
            raise KvConflict(f"key {key!r} is at version {found}, not {version}")
