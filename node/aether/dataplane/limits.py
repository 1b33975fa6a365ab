"""Every bound of the router in one value, so that tests can set them low."""

import resource
from dataclasses import dataclass

_SPARE_FILES = 128
_FILES_PER_CLIENT = 2
_FEWEST_CLIENTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds; times are kept to a tenth of a second."""

    header_bytes: int = 64 * 1024
    """Largest request or response head."""
    replay_bytes: int = 64 * 1024
    """How much of a request body is kept so that it can be sent to another instance."""
    pipeline_bytes: int = 64 * 1024
    """How much of further requests is taken in while one is being answered."""
    header_s: float = 10.0
    """From the first byte of a request to the end of its head."""
    idle_s: float = 75.0
    """Silence between two requests of a client."""
    linger_s: float = 2.0
    """How long the rest of a refused request is taken in, so that the refusal gets through."""
    connect_s: float = 1.0
    upstream_idle_s: float = 30.0
    """Silence on a connection to an instance; hosts and mesh listeners wait longer than this."""
    upstream_idle_connections: int = 128
    """Idle connections kept per address."""
    upstream_connections: int = 1024
    """Connections per address; a host takes no more."""
    sends: int = 3
    """How often one request may be written to an instance at most."""
    drain_s: float = 5.0
    """How long requests in flight may take once the router was told to stop."""
    clients: int = 4096
    """Client connections at a time."""
    address_clients: int = 1024
    """Of them from one address; never more than three quarters of all."""
    trusted: tuple[str, ...] = ()
    """Networks of proxies that are not bounded so, and whose word on protocol and host counts."""
    body_grace_s: float = 20.0
    """How long a request's body may be as slow as it likes."""
    least_bytes_per_s: float = 500.0
    """What a body after that has to have come at on the average, and an answer be taken at; 0: any."""
    stall_s: float = 30.0
    """How often it is looked whether a client slower than its answer still takes of it."""

    @property
    def most_of_address(self) -> int:
        """How many connections one address may hold: some are always left for others."""
        return max(1, min(self.address_clients, self.clients * 3 // 4))


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one; return how many clients that carries."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = 1_048_576 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
    return max(_FEWEST_CLIENTS, (ceiling - _SPARE_FILES) // _FILES_PER_CLIENT)
