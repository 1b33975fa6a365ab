"""Kv: the slice's own corner of the replicated store."""

import asyncio
import builtins
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

FIRST_PAUSE_S = 0.002
LONGEST_PAUSE_S = 0.1


class KvError(Exception):
    """Base of what a Kv raises."""


class KvConflict(KvError):
    """The key is not at the version asked for: read it again, then decide."""


class KvUnavailable(KvError):
    """The store cannot answer now and nothing was written; try again later."""


class KvOutcomeUnknown(KvError):
    """Time ran out: the write may or may not have taken effect."""


class KvInvalid(KvError):
    """The store refuses this request as it is: a key or value over a limit, a malformed key."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as it stands; `version` is what `put` and `delete` take to change exactly this."""

    key: str
    value: bytes
    version: int


class Kv(ABC):
    """Keys and bytes, kept by the cluster; every instance of a slice sees the same.

    Reads see every write acknowledged before. A write with `version` happens only if the key is
    still at that version; `version=0` means only if the key does not exist.
    """

    @abstractmethod
    async def get(self, key: str) -> Entry | None:
        """Return the entry, or None when there is none."""

    @abstractmethod
    async def put(self, key: str, value: bytes, *, version: int | None = None) -> int:
        """Write and return the new version; raise KvConflict when `version` does not hold."""

    @abstractmethod
    async def delete(self, key: str, *, version: int | None = None) -> bool:
        """Remove the key and say whether it was there; raise KvConflict as `put` does."""

    @abstractmethod
    async def range(self, prefix: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return at most `limit` entries whose keys begin with `prefix`, sorted by key."""

    async def update(
        self, key: str, change: Callable[[bytes | None], bytes], *, attempts: int = 16
    ) -> bytes:
        """Replace a value by what `change` makes of it, so that no update of another is lost.

        `change` may be called several times and must not have effects. Raises KvConflict after
        `attempts` tries and KvOutcomeUnknown as soon as one write's fate cannot be told.

        >>> from aether.sdk.memory import MemoryKv
        >>> count = lambda old: str(int(old or 0) + 1).encode()
        >>> asyncio.run(MemoryKv().update("hits", count))
        b'1'
        """
        pause_s = FIRST_PAUSE_S
        for _attempt in builtins.range(attempts):
            entry = await self.get(key)
            value = change(entry.value if entry is not None else None)
            try:
                await self.put(key, value, version=entry.version if entry is not None else 0)
            except KvConflict:
                await asyncio.sleep(pause_s * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                return value
        raise KvConflict(f"key {key!r} changed under each of {attempts} attempts to update it")
