"""The sections `[router]`, `[router.tls]` and `[router.export]` of a node's configuration."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

_FOLDER = re.compile(r"/[A-Za-z0-9._/-]{1,79}")
"""What every proxy reads in its configuration without quotes, short enough for the sockets in it."""
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
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

    def problems(self) -> Iterator[str]:
        """Say what is wrong."""
        for path in (self.cert, self.key):
            if not Path(path).is_file():
                yield f"{path} is not a file"
        for host in self.hosts:
            if not _HOST.fullmatch(host):
                yield (
                    f"host {host!r} is not a name such as shop.example.org or *.example.org, "
                    "without a port"
                )


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
            for sentence in each.problems():
                yield "certificates", sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterExportConfig:
    """`[router.export]`: proxies that are not ours, kept on the routing table; see docs/guide/edge.md."""

    envoy: str = ""
    """Folder of the files an Envoy reads; made when it is missing. Empty: none."""
    haproxy: str = ""
    """Folder of the configuration and the sockets of a haproxy; made when it is missing. Empty: none."""
    address: str = "127.0.0.1"
    """Address the proxy listens on."""
    port: int = 8000
    """TCP port the proxy listens on."""
    certificate: str = ""
    """PEM file of a certificate, its chain and its key: the port then speaks TLS, with HTTP/2 and HTTP/1.1. Empty: plain HTTP."""

    @property
    def is_wanted(self) -> bool:
        """Whether there is any proxy to be told."""
        return bool(self.envoy or self.haproxy)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        for name, folder in (("envoy", self.envoy), ("haproxy", self.haproxy)):
            if folder and not _FOLDER.fullmatch(folder):
                yield (
                    name,
                    f"{folder!r} is not an absolute path of letters, digits and ._-/ of 80 at most",
                )
        if self.envoy and self.envoy == self.haproxy:
            yield "haproxy", f"{self.haproxy} is the folder of Envoy; give each one of its own"
        yield from self._certificate_problems()
        try:
            ip_address(self.address)
        except ValueError:
            yield "address", f"{self.address!r} is not an IP address"
        if not 1 <= self.port <= 65_535:
            yield "port", f"{self.port} is not within 1 and 65535"

    def _certificate_problems(self) -> Iterator[tuple[str, str]]:
        path = self.certificate
        if path and not _FOLDER.fullmatch(path):
            yield (
                "certificate",
                f"{path!r} is not an absolute path of letters, digits and ._-/ of 80 at most",
            )
        elif path and not Path(path).is_file():
            yield "certificate", f"{path} is not a file"


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
    trusted_proxies: tuple[str, ...] = ()
    """Networks, as `10.0.0.0/8`, of proxies whose word on protocol and host counts and that may hold any number of connections."""
    address_connections: int = 1024
    """Connections one address may hold with all router processes of the node; of an IPv6 client its /64. Never more than three quarters of all."""
    access_log: bool = False
    """Write `logs/router….access.jsonl` below `data_dir`: every slow and failed request, and a share of the others."""
    access_log_sample: float = 0.01
    """Share of the other requests, from 0 to 1."""
    access_log_slow_s: float = 1.0
    """Seconds from which on a request is slow."""
    tls: RouterTlsConfig = field(default_factory=RouterTlsConfig)
    """Section `[router.tls]`."""
    export: RouterExportConfig = field(default_factory=RouterExportConfig)
    """Section `[router.export]`."""

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
        yield from self._client_problems()
        for name, sentence in self.tls.problems():
            yield f"tls.{name}", sentence
        for name, sentence in self.export.problems():
            yield f"export.{name}", sentence

    def _client_problems(self) -> Iterator[tuple[str, str]]:
        for network in self.trusted_proxies:
            try:
                ip_network(network)
            except ValueError as problem:
                yield "trusted_proxies", f"{network!r} is not a network, as 10.0.0.0/8: {problem}"
        if not 1 <= self.address_connections <= 1_000_000:
            yield "address_connections", f"{self.address_connections} is not within 1 and 1000000"
        if not 0 <= self.access_log_sample <= 1:
            yield "access_log_sample", f"{self.access_log_sample:g} is not within 0 and 1"
        if not self.access_log_slow_s > 0:
            yield "access_log_slow_s", f"{self.access_log_slow_s:g} s is not more than 0"
