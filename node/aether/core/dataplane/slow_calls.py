"""Slow calls as they travel from a router to its node, and the last of them as the node keeps them."""

from collections import deque
from collections.abc import Iterator

import msgspec

from aether.core.dataplane.route_counts import Count, Name, split_key
from aether.core.metrics.samples import Amount

MOST_A_READING = 64
"""Slow calls a router tells a second; the newest when there are more."""
KEPT = 10
"""Slow calls kept of each route, version and method."""
MOST_SERIES = 512


class SlowCall(msgspec.Struct, frozen=True, array_like=True):
    """One call that took longer than its rule says."""

    at_ms: Count
    """Milliseconds since 1970 when it ended."""
    route: Name
    """As in counts: verb, host and pattern, and the slice."""
    version: Name
    method: Name
    status: Count
    """What the client got; 0 when it got no whole answer."""
    seconds: Amount
    slow_after_s: Amount
    """From how many seconds on such calls were slow then."""
    trace: Name
    instance: Name
    """The one that answered or was asked last; empty when none was."""

    @property
    def slice(self) -> str:
        """The slice called."""
        return split_key(self.route)[1]


class SlowCalls:
    """The last slow calls of each route, version and method."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, str], deque[SlowCall]] = {}
        self.total = 0
        """Slow calls taken since the start, kept or not; what routers left out does not count."""

    def take(self, call: SlowCall) -> None:
        """Keep a call; the oldest of its series goes, and the series nothing came of for longest."""
        self.total += 1
        names = (call.route, call.version, call.method)
        kept = self._series.pop(names, None) or deque(maxlen=KEPT)
        kept.append(call)
        self._series[names] = kept
        if len(self._series) > MOST_SERIES:
            del self._series[next(iter(self._series))]

    def newest_first(self) -> Iterator[SlowCall]:
        """Yield all that are kept, the one that ended last first."""
        every = [call for kept in self._series.values() for call in kept]
        yield from sorted(every, key=lambda call: (-call.at_ms, call.route, call.trace))
