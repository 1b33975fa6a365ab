"""Counts the clicks on short links; other slices call it, clients do not."""

from aether import Kv, Slice, call


class Clicks(Slice):
    """One counter a link, in the cluster's store: every instance sees and raises the same."""

    def __init__(self, kv: Kv) -> None:
        self._kv = kv

    @call()
    async def record(self, code: str) -> int:
        """Count one click and return how many there are now.

        Not idempotent: when the outcome is unknown the click may be lost, but is never counted twice.
        """
        return int(await self._kv.update(_key(code), _one_more))

    @call(idempotent=True)
    async def total(self, code: str) -> int:
        """Return how often a link was clicked; 0 for one that never was."""
        entry = await self._kv.get(_key(code))
        return int(entry.value) if entry is not None else 0


def _key(code: str) -> str:
    return f"clicks/{code}"


def _one_more(count: bytes | None) -> bytes:
    return b"%d" % (int(count or 0) + 1)
