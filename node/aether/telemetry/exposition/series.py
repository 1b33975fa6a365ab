"""What is said once about a series, and the forms its values take."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram", "info"]
MOST_SLICES = 1000
"""Most slices the leader tells of; those first by name."""
Whose = Literal["node", "leader"]
"""Which nodes tell a series: each its own, or only the one that leads, for the whole cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One row of the table: a name, what it means, and how many label sets it may have."""

    name: str
    """Begins with `aether_` and ends with its unit; `_total`, `_bucket` and so on are added in text."""
    kind: Kind
    help: str
    source: str
    """Name of the source whose look tells it."""
    unit: str = ""
    """A base unit: `seconds`, `bytes`, `ratio`; empty for what is counted in pieces."""
    labels: tuple[str, ...] = ()
    most: int = 1
    """Most label sets told by one node; what is over is left out and counted."""
    whose: Whose = "node"
    calm: str = ""
    """Why it may be zero or absent while all is well and in use; empty: it is not zero then."""

    @property
    def text_name(self) -> str:
        """The name of its samples, as queries name them; of histograms without the last part."""
        return self.name + {"counter": "_total", "info": "_info"}.get(self.kind, "")


class Spread(NamedTuple):
    """The value of a histogram: how many were below each bound, and the sum of them all."""

    below: tuple[int, ...]
    """One count for each of `bounds.BOUNDS_S`, then the count of all."""
    sum_s: float


class Sample(NamedTuple):
    """One value of one series."""

    series: str
    labels: tuple[str, ...]
    """Values of the labels, in the order of its row."""
    value: float | Spread


Tell = Callable[[], Iterable[Sample]]
"""Makes the samples of what was looked at; may take a while and runs in a thread."""


@dataclass(frozen=True, slots=True)
class Source:
    """A part of the node that tells values: looks on the event loop, at once or nearly so."""

    name: str
    look: Callable[[], Awaitable[Tell]]
