"""What is seen of one slice in one second: the only thing a scaling decision is made from beside its own state."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at a slice; None where a figure could not be had, which is never taken for 0."""

    at: float
    """Seconds on a clock that never goes back."""
    version: str = ""
    """The version all its instances are of; empty while they are of several."""
    ready: int
    """Instances that serve."""
    starting: int
    """Instances asked for that do not serve yet."""
    target: int
    """Instances wanted now, as the store has it."""
    rate: float | None
    """Requests per second in the last second, over all nodes; None while nobody reports."""
    in_flight: float | None = None
    """Requests being worked on, over all instances."""
    queue: float = 0.0
    """Requests that wait for an instance."""
    utilisation: float | None = None
    """Share of the ready capacity in use, 0..1: the larger of requests in flight and CPU."""
    p95_s: float | None = None
    """95th percentile of response times, seconds."""
    error_share: float | None = None
    """Share of requests that failed, 0..1."""
    capacity_rps: float | None = None
    """Requests per second one instance can serve, as the blueprint states it."""
    startup_s: float | None = None
    """Seconds from asking for an instance of this slice until it serves, 90th percentile as measured."""
