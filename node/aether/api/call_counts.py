"""How often each call of the management API was made on this node, and what came of it."""

from collections.abc import Mapping

from aether.api.routes import Found, find_endpoint
from aether.errors import AetherError

UNKNOWN = "unknown"
"""Stands for calls there are not: what people may write in a path has no bound."""


class CallCounts:
    """Counts by the name of the call and the status of its answer: both come from tables."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], tuple[int, float]] = {}

    @property
    def counts(self) -> Mapping[tuple[str, int], tuple[int, float]]:
        """Calls and the seconds they took, by name and status."""
        return self._counts

    def note(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one call."""
        key = name_of(method, path), status
        count, taken_s = self._counts.get(key, (0, 0.0))
        self._counts[key] = count + 1, taken_s + seconds


def name_of(method: str, path: str) -> str:
    """Return the name of a call in the table."""
    try:
        found = find_endpoint(method, path.partition("?")[0])
    except AetherError:
        return UNKNOWN
    return found.endpoint.name if isinstance(found, Found) else UNKNOWN
