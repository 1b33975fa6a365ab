"""The sections `[router]` and `[router.tls]` of a node's configuration."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MOST_WORKERS = 32
MOST_CERTIFICATES = 1000
MESH_TLS = ("auto", "on", "off")
VERSIONS = ("1.2", "1.3")
MOST_DRAIN_S = 60.0
MOST_HANDOVER_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateConfig:
    """One certificate of the public port."""

    cert: str
    """PEM file of the certificate, then of those between it and its CA."""
    key: str
    """PEM file of its key, without a password."""
    hosts: tuple[str, ...] = ()
    """Names it is shown for, such as `shop.example.org` or `*.example.org`; empty: those it bears."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterTlsConfig:
    """`[router.tls]`: TLS on the public port."""

    certificates: tuple[CertificateConfig, ...] = ()
    """Tables `{ cert, key, hosts }`, see docs/guide/traffic.md; with any, the port speaks TLS and nothing else."""
    min_version: str = "1.2"
    """Oldest TLS spoken: `1.2` or `1.3`."""
    handshake_s: float = 5.0
    """Seconds a client may take for its TLS handshake."""
    handshakes: int = 1024
    """TLS handshakes under way at most, of one router process; one more ends the oldest."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        if self.min_version not in VERSIONS:
            yield "min_version", f"{self.min_version!r} is neither {' nor '.join(VERSIONS)}"
        if not 0 < self.handshake_s <= 60:
            yield "handshake_s", f"{self.handshake_s:g} s is not more than 0 and at most 60 s"
        if not 1 <= self.handshakes <= 100_000:
            yield "handshakes", f"{self.handshakes} is not within 1 and 100000"
        if len(self.certificates) > MOST_CERTIFICATES:
            yield "certificates", f"{len(self.certificates)} are over {MOST_CERTIFICATES}"
        for each in self.certificates:
            for path in (each.cert, each.key):
                if not Path(path).is_file():
                    yield "certificates", f"{path} is not a file"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterConfig:
    """`[router]`: the processes that carry traffic."""

    workers: int = 1
    """Router processes that share the ports; more than there are cores for them gain nothing."""
    drain_s: float = 5.0
    """Seconds requests in flight may take once a router is told to stop; a node that stops grants 3."""
    handover_s: float = 60.0
    """Seconds a router that was replaced goes on answering on the connections it has."""
    mesh_tls: str = "auto"
    """Mutual TLS between routers with the node's `store.tls_…` files: `on`, `off`, or `auto`: when `bind` is beyond loopback and there are files. Equal on all nodes."""
    tls: RouterTlsConfig = field(default_factory=RouterTlsConfig)
    """Section `[router.tls]`."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        if not 1 <= self.workers <= MOST_WORKERS:
            yield "workers", f"{self.workers} is not within 1 and {MOST_WORKERS}"
        if not 0 <= self.drain_s <= MOST_DRAIN_S:
            yield "drain_s", f"{self.drain_s:g} s is not within 0 and {MOST_DRAIN_S:g} s"
        if not 0 <= self.handover_s <= MOST_HANDOVER_S:
            yield "handover_s", f"{self.handover_s:g} s is not within 0 and {MOST_HANDOVER_S:g} s"
        if self.mesh_tls not in MESH_TLS:
            yield "mesh_tls", f"{self.mesh_tls!r} is not one of {', '.join(MESH_TLS)}"
        for name, sentence in self.tls.problems():
            yield f"tls.{name}", sentence
