"""One instance as the balancer sees it: how much it has to do and how it has answered."""

from aether.core.dataplane.breaker import Breaker
from aether.core.dataplane.ejection import Record
from aether.core.dataplane.rows import Endpoint
from aether.core.model.ids import InstanceId

WARM = float("-inf")
"""`since` of an instance that was there before the balancer was."""


class Member:
    """An endpoint with its counts; it outlives tables for as long as its address stays the same."""

    __slots__ = (
        "breaker",
        "endpoint",
        "in_flight",
        "instance",
        "is_fit",
        "patience",
        "record",
        "since",
        "version",
    )

    def __init__(self, endpoint: Endpoint, since: float) -> None:
        self.endpoint = endpoint
        self.instance: InstanceId = endpoint.instance
        self.version = endpoint.instance.version
        self.since = since
        """When it was first seen."""
        self.in_flight = 0
        """Requests handed to it that have not ended."""
        self.is_fit = True
        """Whether requests may go there, as its slice last looked: neither ejected nor cut off."""
        self.patience = 0.0
        """Of a new instance: how much of a turn it has saved up (see `rings`)."""
        self.record = Record()
        self.breaker = Breaker()


def tier_of(endpoint: Endpoint, zone: str) -> int:
    """Return how far an endpoint is from a router in `zone`: 0 its node, 1 its zone, 2 elsewhere."""
    if endpoint.socket:
        return 0
    return 1 if zone and endpoint.zone == zone else 2


TIERS = 3
"""How many distances there are."""
