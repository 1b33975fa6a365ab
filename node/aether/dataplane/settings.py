"""What a router is told when it starts: written by its node, kept so that it starts without one."""

import hashlib
from pathlib import Path

import msgspec

from aether.dataplane.access_log import AccessLogSettings
from aether.whole_files import write_whole

FILE = Path("router") / "settings.json"
"""Where a node keeps the settings of its routers, below its data directory."""
MOST_WORKERS = 32


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """PEM files of one certificate and its key, and the hosts it is shown for."""

    cert: str
    """The certificate, then those between it and its CA."""
    key: str
    hosts: tuple[str, ...] = ()
    """Names as clients ask for them, `*.example.org` included; none: those the certificate bears."""


class PeerFiles(msgspec.Struct, frozen=True, kw_only=True):
    """PEM files with which routers prove to each other which node they are of."""

    ca: str
    certificate: str
    key: str


class RouterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a router listens and by what bounds; port 0 lets the system choose."""

    node: str
    bind: str = "127.0.0.1"
    port: int
    mesh_port: int
    workers: int = 1
    """Router processes that share the ports."""
    drain_s: float = 5.0
    """Longest time requests in flight may take once the router is told to stop."""
    handover_s: float = 60.0
    """Longest time a router that was replaced goes on with what it began."""
    certificates: tuple[Certificate, ...] = ()
    """With any, the public port speaks TLS; the first is shown to who asks for no host of ours."""
    min_version: str = "1.2"
    """Oldest TLS spoken on the public port: `1.2` or `1.3`."""
    handshake_s: float = 5.0
    """Longest TLS handshake."""
    handshakes: int = 1024
    """TLS handshakes under way at most; one more ends the oldest."""
    trusted: tuple[str, ...] = ()
    """Networks of proxies whose word counts, and that may hold any number of connections."""
    address_clients: int = 1024
    """Connections one address may hold."""
    access_log: AccessLogSettings | None = None
    """What is written down of requests; None: nothing."""
    mesh: PeerFiles | None = None
    """With it, routers of other nodes are spoken to by mutual TLS, and by nothing else."""


def read_settings(data_dir: Path) -> RouterSettings:
    """Return the settings a node wrote; raise ValueError naming the file when there are none."""
    path = data_dir / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=RouterSettings)
    except OSError as problem:
        raise ValueError(
            f"{path} cannot be read ({problem.strerror}): a node writes it when it starts"
        ) from problem
    except ValueError as problem:
        raise ValueError(f"{path} holds no settings of a router: {problem}") from problem


def write_settings(data_dir: Path, settings: RouterSettings) -> None:
    """Keep the settings for routers started from now on."""
    write_whole(data_dir / FILE, msgspec.json.encode(settings))


def digest(settings: RouterSettings) -> str:
    """Return a short name of the settings, by which a node sees that a router has others."""
    return hashlib.sha256(msgspec.json.encode(settings)).hexdigest()[:16]
