"""A routing table as haproxy's: a configuration, a map of routes, and commands from one to the next.

Endpoints and weights change by commands on haproxy's runtime socket. Routes and slices are in files, which
haproxy reads again when it reloads; both say the same at any time, so that a restart loses nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aether.core.dataplane.edge import (
    IDEMPOTENT,
    RESERVED,
    EdgeEndpoint,
    EdgeRoute,
    edge_endpoints,
    edge_name,
    edge_routes,
)
from aether.core.dataplane.table import Table

HEAVIEST = 256
"""haproxy's own bound of a weight."""
CONFIG, MAP = "haproxy.cfg", "routes.map"
_CHECK = "check inter 1s fall 2 rise 1"
_NOBODY = "aether-nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where haproxy listens and keeps its files; paths are absolute."""

    folder: str
    runtime: str
    """Its runtime socket."""
    address: str
    port: int
    certificate: str = ""
    """PEM file of certificate, chain and key: with it clients speak TLS, and HTTP/2 if they can."""


@dataclass(frozen=True, slots=True)
class Server:
    """One endpoint as haproxy knows it."""

    address: str
    """`unix@/path` or `host:port`."""
    weight: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All haproxy is told: what needs a reload, and what does not."""

    skeleton: str
    """The configuration but for its servers, with a `{servers:…}` where those of a slice stand."""
    routes: str
    servers: Mapping[str, Mapping[str, Server]]
    """By backend and name."""

    @property
    def config(self) -> str:
        """The whole configuration."""
        text = self.skeleton
        for backend, servers in self.servers.items():
            lines = "".join(
                f"    server {name} {each.address} weight {each.weight} {_CHECK}\n"
                for name, each in servers.items()
            )
            text = text.replace(_hole(backend), lines)
        return text


def plan(table: Table, place: Place) -> Plan:
    """Return what haproxy is told of a table."""
    routes = edge_routes(table)
    endpoints = edge_endpoints(table, HEAVIEST)
    return Plan(
        skeleton=_skeleton(routes, list(endpoints), place),
        routes="".join(_map_line(route) for route in sorted(routes, key=_by_host)),
        servers={base: dict(map(_server, some)) for base, some in endpoints.items()},
    )


def commands(before: Plan, after: Plan) -> list[str] | None:
    """Return what leads from one plan to the next on the runtime socket; None when it takes a reload.

    A server that goes is put in maintenance: what it is answering it answers to its end.
    """
    if (before.skeleton, before.routes) != (after.skeleton, after.routes):
        return None
    found = list[str]()
    for backend, servers in after.servers.items():
        known = before.servers[backend]
        if any(name in known and known[name].address != servers[name].address for name in servers):
            return None
        found += (
            f"set server {backend}/{name} state maint" for name in known if name not in servers
        )
        for name, server in servers.items():
            found += _commands_of(f"{backend}/{name}", known.get(name), server)
    return found


def leftovers(before: Plan, after: Plan) -> list[str]:
    """Return `backend/name` of the servers that are in maintenance after `commands`, to be deleted."""
    return [
        f"{backend}/{name}"
        for backend, servers in before.servers.items()
        for name in servers
        if name not in after.servers.get(backend, {})
    ]


def _commands_of(name: str, known: Server | None, server: Server) -> Iterator[str]:
    if known is None:
        yield f"add server {name} {server.address} weight {server.weight} {_CHECK}"
        yield f"enable health {name}"
        yield f"enable server {name}"
    elif known.weight != server.weight:
        yield f"set server {name} weight {server.weight}"


def _server(each: EdgeEndpoint) -> tuple[str, Server]:
    endpoint = each.endpoint
    address = f"unix@{endpoint.socket}" if endpoint.socket else endpoint.mesh
    return edge_name(endpoint.instance), Server(address, each.weight)


def _hole(backend: str) -> str:
    return f"{{servers:{backend}}}\n"


def _by_host(route: EdgeRoute) -> tuple[int, int]:
    """Sort exact hosts before suffixes, longer suffixes before shorter ones, any host last."""
    if not route.host:
        return 2, 0
    return (1, -len(route.host)) if route.host.startswith("*") else (0, 0)


def _map_line(route: EdgeRoute) -> str:
    """Return one line of the map: what host, verb and path look like in one string, and the backend."""
    host = "[^|]*"
    if route.host.startswith("*"):
        host = "[^|]+" + re.escape(route.host[1:])
    elif route.host:
        host = re.escape(route.host)
    methods = f"(?:{'|'.join(route.methods)})" if route.methods else "[^/|]+"
    return f"^{host}\\|{methods}{route.path}$ {route.slice}\n"


def _skeleton(routes: tuple[EdgeRoute, ...], bases: list[str], place: Place) -> str:
    text = _GLOBAL.format(runtime=place.runtime) + _FRONTEND.format(
        bind=_bind(place),
        map=f"{place.folder}/{MAP}",
        reserved=RESERVED,
        nobody=_NOBODY,
    )
    for base in bases:
        own = [route for route in routes if route.slice == base]
        text += _BACKEND.format(
            base=base,
            silence=max(1, round(1000 * max(route.timeout_s for route in own))),
            retries=max(route.attempts for route in own) - 1,
            idempotent=" ".join(IDEMPOTENT),
        ) + _hole(base)
    return text


def _bind(place: Place) -> str:
    tls = f" ssl crt {place.certificate} alpn h2,http/1.1 ssl-min-ver TLSv1.2"
    return f"{place.address}:{place.port}{tls if place.certificate else ''}"


_GLOBAL = """\
# Written by Aether and replaced by it: what is changed here is lost.
global
    stats socket {runtime} mode 600 level admin expose-fd listeners
    maxconn 8192

defaults
    mode http
    timeout connect 1s
    timeout client 75s
    timeout server 30s
    timeout http-request 10s
    timeout http-keep-alive 75s
    timeout tunnel 1h
    option redispatch 1
"""

_FRONTEND = """
frontend aether
    bind {bind}
    http-request deny status 400 unless {{ req.hdr(host) -m reg '^[][A-Za-z0-9.:_-]*$' }}
    http-request del-header x-aether- -m beg
    http-request set-header x-forwarded-proto %[ssl_fc,iif(https,http)]
    http-request return status 404 if {{ path -m reg '{reserved}(?:/|$)' }}
    http-request set-var(txn.host) req.hdr(host),lower,regsub(':[0-9]+$','')
    http-request set-var(txn.method) method
    http-request set-var(txn.path) path
    http-request set-var(txn.slice) var(txn.host),concat('|',txn.method),concat('',txn.path),map_reg({map})
    use_backend %[var(txn.slice)] if {{ var(txn.slice) -m found }}
    default_backend {nobody}

backend {nobody}
    http-request return status 404
"""

_BACKEND = """
backend {base}
    balance roundrobin
    timeout server {silence}ms
    retries {retries}
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless {{ method {idempotent} }}
    http-send-name-header x-aether-instance
    option forwardfor
"""
