"""The configuration of a node: every value with its meaning, unit and default.

`docs/reference/config.md` is made from this file: a field's docstring stands below it.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aether.config.advisor import AdvisorConfig
from aether.config.forecast import ForecastConfig
from aether.config.layers import Layers
from aether.config.monitoring import MetricsConfig, OtelConfig
from aether.config.router import RouterConfig, RouterExportConfig, RouterTlsConfig
from aether.config.urls import is_http_url
from aether.core.model.ids import NodeId, parse_node_id
from aether.core.raft.membership import MAX_VOTERS
from aether.errors import ConfigInvalid

LONGEST_SOCKET = "i-0123456789abcdef.sock"
"""As long as the longest name of a socket below `run/`; see docs/wire.md."""
MAX_SOCKET_PATH_BYTES = 100
"""Linux allows 107 bytes for the path of a Unix socket, macOS 103."""
ENGINES = ("native", "pysyncobj")
PLACES = ("own", "inline")
ROLES = ("voter", "worker")
MAX_PROVIDER_S = 120.0
SECTIONS = (
    "store",
    "control",
    "provider",
    "advisor",
    "router",
    "log",
    "metrics",
    "otel",
    "forecast",
)
INNER_SECTIONS = ("router.tls", "router.export")
LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """`[store]`: the replicated store."""

    engine: str = "native"
    """Consensus engine: `native`, or `pysyncobj`, which loses acknowledged writes (see docs/adr/0003)."""
    process: str = "own"
    """Where the store runs: `own`, a process of its own, or `inline`, in the node process."""
    tls_ca: str = ""
    """PEM file of the CA that signed the members' certificates; with it, members speak mutual TLS."""
    tls_certificate: str = ""
    """PEM file of this node's certificate; it names the node in a URI or DNS name."""
    tls_key: str = ""
    """PEM file of the certificate's key."""

    @property
    def has_tls(self) -> bool:
        """Whether members speak TLS."""
        return bool(self.tls_ca)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        yield from _choice("engine", self.engine, ENGINES)
        yield from _choice("process", self.process, PLACES)
        yield from self._tls_problems()

    def _tls_problems(self) -> Iterator[tuple[str, str]]:
        files = {name: getattr(self, name) for name in ("tls_ca", "tls_certificate", "tls_key")}
        given = {name: path for name, path in files.items() if path}
        for name in files:
            if given and name not in given:
                yield name, f"is missing: {' and '.join(given)} need all of {', '.join(files)}"
        for name, path in given.items():
            if not Path(path).is_file():
                yield name, f"{path} is not a file"
        if given and self.engine != "native":
            yield "tls_ca", f"engine {self.engine} has no TLS; choose native"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlConfig:
    """`[control]`: how the leader works."""

    period_s: float = 1.0
    """Seconds between two looks at the cluster."""
    suspect_after_s: float = 2.0
    """Seconds of silence before a node gets no new instances."""
    lost_after_s: float = 5.0
    """Seconds of silence before a node's instances are placed anew."""
    settle_s: float = 3.0
    """Seconds of calm before instances are moved to spread them better."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        for name in ("period_s", "suspect_after_s", "lost_after_s", "settle_s"):
            value = getattr(self, name)
            if not 0 < value <= 3600:
                yield name, f"{value:g} s is not more than 0 and at most 3600 s"
        if self.lost_after_s <= self.suspect_after_s:
            yield (
                "lost_after_s",
                f"{self.lost_after_s:g} s must be longer than suspect_after_s "
                f"({self.suspect_after_s:g} s): a node is doubted before it is given up",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """`[provider]`: who starts further nodes when the cluster has fewer than its topology wants."""

    url: str = ""
    """`http://…` or `https://…` that takes `POST {"node", "join", "cluster_id"}`; empty: nobody is asked."""
    token_file: str = ""
    """File with the bearer token sent along; read anew for each call."""
    timeout_s: float = 30.0
    """Longest time one call may take, in seconds."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        if self.url and not is_http_url(self.url):
            yield "url", f"{self.url!r} is not a URL: expected http://host[:port]/path or https://…"
        if self.token_file and not Path(self.token_file).is_file():
            yield "token_file", f"{self.token_file} is not a file"
        if not 0 < self.timeout_s <= MAX_PROVIDER_S:
            yield (
                "timeout_s",
                f"{self.timeout_s:g} s is not more than 0 and at most {MAX_PROVIDER_S:g} s",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """`[log]`: what the node writes to standard error."""

    level: str = "info"
    """Least severe level written: `debug`, `info`, `warning` or `error`."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        yield from _choice("level", self.level, LEVELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """A node as its operator wants it."""

    node_id: NodeId
    """Name of the node, unique in its cluster: lower-case letters, digits and inner dashes."""
    data_dir: Path = Path("aether-data")
    """Directory of everything the node keeps; made when it is missing. Short: sockets lie in it."""
    bind: str = "127.0.0.1"
    """Address all ports listen on, and by which other nodes reach this one."""
    management_port: int = 8080
    """TCP port of the management API."""
    router_port: int = 8070
    """TCP port of the router, for application HTTP."""
    cluster_port: int = 8090
    """TCP port of calls between nodes (gRPC)."""
    raft_port: int = 8091
    """TCP port of the replicated log."""
    mesh_port: int = 8092
    """TCP port by which other nodes' routers reach instances here."""
    join: tuple[str, ...] = ()
    """`host:port` of the cluster port of nodes to find the cluster by; any live one is enough."""
    bootstrap_expect: int = 1
    """Nodes that must know each other before they found a new cluster."""
    role: str = "voter"
    """`voter`, or `worker`: it hosts slices like any other and never votes, so its loss costs no quorum."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Free `name = value` marks of the node."""
    capacity: int = 200
    """Most instances the node will host."""
    allow_insecure_bind: bool = False
    """Permit a `bind` beyond loopback though neither TLS nor API keys exist in this version."""
    store: StoreConfig = field(default_factory=StoreConfig)
    """Section `[store]`."""
    control: ControlConfig = field(default_factory=ControlConfig)
    """Section `[control]`."""
    provider: ProviderConfig = field(default_factory=ProviderConfig)
    """Section `[provider]`."""
    advisor: AdvisorConfig = field(default_factory=AdvisorConfig)
    """Section `[advisor]`."""
    router: RouterConfig = field(default_factory=RouterConfig)
    """Section `[router]`."""
    log: LogConfig = field(default_factory=LogConfig)
    """Section `[log]`."""
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    """Section `[metrics]`."""
    otel: OtelConfig = field(default_factory=OtelConfig)
    """Section `[otel]`."""
    forecast: ForecastConfig = field(default_factory=ForecastConfig)
    """Section `[forecast]`."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Where each value came from, by dotted name; not a setting."""

    @property
    def is_worker(self) -> bool:
        """Whether the node hosts and never votes."""
        return self.role == "worker"

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong, sections included: dotted name and sentence."""
        yield from self._identity_problems()
        yield from self._port_problems()
        for position, address in enumerate(self.join):
            if not is_address(address):
                yield "join", f"entry {position} is {address!r}: expected host:port"
        if not 1 <= self.bootstrap_expect <= MAX_VOTERS:
            yield (
                "bootstrap_expect",
                f"{self.bootstrap_expect} is not within 1 and {MAX_VOTERS} nodes, the most that vote; "
                "further nodes join the cluster once it is founded",
            )
        yield from self._role_problems()
        if not 0 <= self.capacity <= 10_000:
            yield "capacity", f"{self.capacity} is not within 0 and 10000 instances"
        for section in SECTIONS:
            for name, sentence in getattr(self, section).problems():
                yield f"{section}.{name}", sentence
        yield from self._mesh_problems()

    def _mesh_problems(self) -> Iterator[tuple[str, str]]:
        if self.router.mesh_tls == "on" and not self.store.has_tls:
            yield "router.mesh_tls", "needs the node's certificate: set store.tls_ca and the others"
        export = self.router.export
        if export.is_wanted and self.has_mesh_tls:
            yield (
                f"router.export.{'envoy' if export.envoy else 'haproxy'}",
                "cannot be kept with TLS between routers: a proxy that is not ours has no certificate "
                'to show them; say router.mesh_tls = "off" or remove the section',
            )

    @property
    def has_mesh_tls(self) -> bool:
        """Whether routers of different nodes speak mutual TLS with each other."""
        wanted = self.router.mesh_tls
        return self.store.has_tls and (
            wanted == "on" or (wanted == "auto" and not self._is_on_loopback)
        )

    @property
    def _is_on_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.bind).is_loopback
        except ValueError:
            return True  # "localhost", or no address at all, which is a problem of its own

    def _role_problems(self) -> Iterator[tuple[str, str]]:
        yield from _choice("role", self.role, ROLES)
        if self.role != "worker":
            return
        if not self.join:
            yield "join", "is missing: a worker founds no cluster, so it must know a node of one"
        if self.store.engine != "native":
            yield "role", f"engine {self.store.engine} has no members without a vote; choose native"

    def _identity_problems(self) -> Iterator[tuple[str, str]]:
        try:
            parse_node_id(self.node_id)
        except ValueError as problem:
            yield "node_id", str(problem)
        longest = self.data_dir.absolute() / "run" / LONGEST_SOCKET
        size = len(str(longest).encode())
        if size >= MAX_SOCKET_PATH_BYTES:
            yield (
                "data_dir",
                f"{self.data_dir} is too long: {longest} has {size} bytes and the path of a Unix "
                f"socket must stay below {MAX_SOCKET_PATH_BYTES}; choose a shorter directory",
            )
        yield from self._bind_problems()

    def _bind_problems(self) -> Iterator[tuple[str, str]]:
        if self.bind == "localhost":
            return
        try:
            address = ipaddress.ip_address(self.bind)
        except ValueError:
            yield "bind", f"{self.bind!r} is not an IP address"
            return
        if address.is_unspecified:
            yield (
                "bind",
                f"{self.bind} names no address by which other nodes could reach this one; "
                "name one address of this machine",
            )
        elif not address.is_loopback and not self.allow_insecure_bind:
            yield (
                "bind",
                f"{self.bind} is open to the network, and this version has neither TLS nor API "
                "keys; bind to 127.0.0.1, or set allow_insecure_bind = true in a network you trust",
            )

    def _port_problems(self) -> Iterator[tuple[str, str]]:
        taken: dict[int, str] = {}
        for name in PORTS:
            port = getattr(self, name)
            if not 1 <= port <= 65_535:
                yield name, f"{port} is not within 1 and 65535"
            elif taken.setdefault(port, name) != name:
                yield name, f"{port} is the {taken[port]} too; give each its own"


PORTS = ("management_port", "router_port", "cluster_port", "raft_port", "mesh_port")


def is_address(text: str) -> bool:
    """Whether `text` is `host:port`; an IPv6 host stands in brackets."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65_535:
        return False
    if host.startswith("[") and host.endswith("]"):
        return ":" in host
    return bool(host) and not set(host) & set(": /[]@")


def _choice(name: str, value: str, choices: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if value not in choices:
        yield name, f"{value!r} is not available in this version; choose {' or '.join(choices)}"


def load_config(flags: Mapping[str, Any], environ: Mapping[str, str]) -> NodeConfig:
    """Merge defaults < file < environment < flags; raise ConfigInvalid with all problems.

    `flags` are by field name (`node_id`, `store.engine`), None when not given; `config` names the
    file, or `AETHER_CONFIG` does.
    """
    layers = Layers(NodeConfig, sections=SECTIONS + INNER_SECTIONS, computed=("origins",))
    layers.add_file(flags.get("config") or environ.get("AETHER_CONFIG"))
    layers.add_environment(environ)
    layers.add_flags(flags)
    values = layers.values
    sections: dict[str, Any] = {
        "store": StoreConfig(**layers.section("store")),
        "control": ControlConfig(**layers.section("control")),
        "provider": ProviderConfig(**layers.section("provider")),
        "advisor": AdvisorConfig(**layers.section("advisor")),
        "router": RouterConfig(
            **layers.section("router"),
            tls=RouterTlsConfig(**layers.section("router.tls")),
            export=RouterExportConfig(**layers.section("router.export")),
        ),
        "log": LogConfig(**layers.section("log")),
        "metrics": MetricsConfig(**layers.section("metrics")),
        "otel": OtelConfig(**layers.section("otel")),
        "forecast": ForecastConfig(**layers.section("forecast")),
    }
    problems = list(layers.problems)
    if "node_id" not in values and not layers.is_spoiled("node_id"):
        problems.append(
            "node_id: is required; give --node-id, AETHER_NODE_ID or node_id in the file"
        )
    top = {"node_id": NodeId("unnamed"), **layers.section("")}
    config = NodeConfig(**top, **sections, origins=layers.origins)
    problems += [
        f"{layers.origin(name)}: {name}: {sentence}"
        for name, sentence in config.problems()
        if not layers.is_spoiled(name)
    ]
    if problems:
        raise ConfigInvalid(problems)
    return config
