"""What all connections of one router share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from aether.core.dataplane.balance import Balancer
from aether.core.dataplane.rate_limit import TokenBuckets
from aether.core.dataplane.retry_budget import RetryBudget
from aether.core.dataplane.shared_rate import SharedBuckets
from aether.core.dataplane.trace_context import TraceParents
from aether.dataplane.access_log import AccessLog
from aether.dataplane.admission import Admission
from aether.dataplane.limits import Limits
from aether.dataplane.observer import Observer
from aether.dataplane.pool import Pool
from aether.dataplane.routing import Routing
from aether.dataplane.tracing import Tracing
from aether.write_batch import WriteBatch


class Client(Protocol):
    """A client connection, as the router counts and ends it."""

    deadline: float

    @property
    def trace_id(self) -> str:
        """The trace of the request under way, empty when there is none."""
        ...

    def expire(self) -> None:
        """Act on a deadline that has passed."""
        ...

    def drain(self) -> None:
        """Close now, or as soon as the request in flight is answered."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


@dataclass(slots=True)
class Context:
    """One router's present table, its connections and its counts; `now` is monotonic seconds."""

    routing: Routing
    balancer: Balancer
    pool: Pool
    limits: Limits
    now: Callable[[], float]
    revision: Callable[[], int]
    """Revision of the table in use."""
    observer: Observer = field(default_factory=Observer)
    writes: WriteBatch = field(default_factory=WriteBatch)
    """What is written at the end of this turn of the loop."""
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    tracing: Tracing = field(default_factory=Tracing)
    addresses: dict[str, str] = field(default_factory=dict)
    """Where the listeners are, by name: ports chosen by the system included."""
    draining: bool = False
    """Whether every answer from now on ends its connection."""
    closing: bool = False
    """Whether connections on which nothing was asked are closed at once."""
    details: dict[str, object] = field(default_factory=dict)
    """More of how the router is: which worker of how many, its process, its certificates."""
    clients: set[Client] = field(default_factory=set)
    arriving: int = 0
    """Connections whose TLS handshake is under way."""
    emptied: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the last client is gone while draining."""
    requests: int = 0
    """Requests read since the start."""
    admission: Admission = field(init=False)
    traces: TraceParents = field(init=False)
    """Makes the traces of requests that come without one."""
    access_log: AccessLog | None = None
    """Where requests are written down; None: nowhere."""
    rates: TokenBuckets[str] | SharedBuckets = field(default_factory=TokenBuckets)
    """What is left of each route's rate limit, shared when the node has several router processes."""
    retries: int = 0
    """Times a request was given to another connection since the start."""

    def __post_init__(self) -> None:
        """Bound what one address may hold by the limits."""
        self.traces = self.tracing.traces
        self.admission = Admission(self.limits.most_of_address, self.limits.trusted)

    def health(self) -> dict[str, object]:
        """Return how the router is, as `/_aether/health` and the node show it."""
        return {
            "status": "draining" if self.draining else "ok",
            "node": self.routing.table.node,
            "revision": self.revision(),
            "addresses": self.addresses,
            "clients": len(self.clients),
            "requests": self.requests,
            "retries": self.retries,
            "refused": self.admission.refused,
            "tracing": self.tracing.counts(),
            **({} if self.access_log is None else {"access_log": self.access_log.counts()}),
            **self.details,
        }
