"""A routing table as a proxy that is not ours has to be told it.

Routes are regular expressions, the most specific first, and each endpoint has a weight. What such a proxy takes over: hosts, methods, patterns, times, attempts, endpoints and the weights of
versions. Rules, affinity, rate limits and circuit breakers stay with Aether's own router.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from aether.core.dataplane.match import ANY_METHOD, Kind, parse_pattern
from aether.core.dataplane.rows import INTERNAL, Endpoint, RouteRow
from aether.core.dataplane.table import Table
from aether.core.model.ids import InstanceId, SliceBase

IDEMPOTENT = ("DELETE", "GET", "HEAD", "OPTIONS", "PUT")
"""Methods a request may be sent again with after it was lost."""
TRUSTED_HEADERS = (
    "x-aether-slice",
    "x-aether-instance",
    "x-aether-idempotent",
    "x-aether-refused",
    "x-aether-hops",
)
"""Headers that routers and hosts of a cluster believe; a proxy at the edge takes them off a request."""
RESERVED = "/" + "".join(
    f"(?:{re.escape(letter)}|%{ord(letter):02x}|%{ord(letter):02X})" for letter in "_aether"
)
"""A piece of a path that is for the cluster itself, however its letters are written."""

_END = -1
"""Sorts the end of a pattern before whatever else may follow there."""


@dataclass(frozen=True, slots=True)
class EdgeRoute:
    """One route; of those that fit a request the first one of its host answers it."""

    host: str
    """As in `RouteRow`."""
    methods: tuple[str, ...]
    """Verbs it takes, sorted; empty: every verb."""
    path: str
    """Regular expression the whole path must match, in the syntax that RE2 and PCRE share."""
    slice: SliceBase
    timeout_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class EdgeEndpoint:
    """One instance and what share of its slice's requests it gets, as a whole number above 0."""

    endpoint: Endpoint
    weight: int


def edge_routes(table: Table) -> tuple[EdgeRoute, ...]:
    """Return the routes that outsiders may use, by host and then most specific first."""
    public = [row for row in table.routes if row.auth != INTERNAL]
    public.sort(key=_place)
    found = list[EdgeRoute]()
    for _, rows in groupby(public, key=_place):
        found.extend(_of_one_form(list(rows)))
    return tuple(found)


def routes_of_host(routes: tuple[EdgeRoute, ...], host: str) -> Iterator[EdgeRoute]:
    """Yield what requests for a host are looked up in: its own routes, then those of less specific hosts."""
    for candidate in dict.fromkeys([host, *_suffixes(host), ""]):
        yield from (route for route in routes if route.host == candidate)


def edge_endpoints(table: Table, heaviest: int) -> Mapping[SliceBase, tuple[EdgeEndpoint, ...]]:
    """Return the endpoints of each slice that has a route, with weights from 1 to `heaviest`.

    The weight of a version is shared out among its instances. A version of weight 0 is left out, unless
    nothing else is there at all.
    """
    routed = {row.slice for row in table.routes if row.auth != INTERNAL}
    found: dict[SliceBase, list[Endpoint]] = {base: [] for base in sorted(routed)}
    for endpoint in sorted(table.instances, key=lambda each: each.instance):
        if endpoint.slice in routed:
            found[endpoint.slice].append(endpoint)
    asked = {
        policy.slice: {each.version: each.weight for each in policy.weights}
        for policy in table.policies
        if policy.weights
    }
    return {
        base: tuple(_weighted(endpoints, asked.get(base, {}), heaviest))
        for base, endpoints in found.items()
    }


def edge_name(instance: InstanceId) -> str:
    """Return the instance as a name that every proxy takes: letters, digits and `.:_-`.

    >>> edge_name(InstanceId("org.example:links:1.0.0+b2/3"))
    'org.example:links:1.0.0_b2:3'
    """
    return instance.replace("/", ":").replace("+", "_")


def instance_of(name: str) -> str:
    """Return the instance that `edge_name` made this of; any other text as it is.

    >>> instance_of("org.example:links:1.0.0_b2:3")
    'org.example:links:1.0.0+b2/3'
    """
    parts = name.split(":")
    if len(parts) != 4:
        return name
    group, slice_, version, ordinal = parts
    return f"{group}:{slice_}:{version.replace('_', '+')}/{ordinal}"


def _place(row: RouteRow) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Return what sorts a row before all of its host that are less specific, segment by segment.

    Rows that match alike have the same place.
    """
    segments = parse_pattern(row.pattern)
    kinds = ((each.kind.value, each.text if each.kind is Kind.LITERAL else "") for each in segments)
    return row.host, (*kinds, (_END, ""))


def _of_one_form(rows: list[RouteRow]) -> Iterator[EdgeRoute]:
    """Yield the routes of rows that match alike: verbs first, HEAD beside GET, every verb last."""
    verbs = {row.method for row in rows}
    path = path_expression(rows[0].pattern)
    for row in sorted(rows, key=lambda row: (row.method == ANY_METHOD, row.method)):
        methods: tuple[str, ...] = () if row.method == ANY_METHOD else (row.method,)
        if row.method == "GET" and "HEAD" not in verbs:
            methods = ("GET", "HEAD")
        yield EdgeRoute(row.host, methods, path, row.slice, row.timeout_s, row.attempts)


def path_expression(pattern: str) -> str:
    """Return what the whole path of a request for this pattern matches, as it is written on the wire.

    >>> path_expression("/orders/{order}/{*rest}")
    '/orders/[^/]+(?:/.*)?'
    """
    segments = parse_pattern(pattern)
    text = ""
    for segment in segments:
        if segment.kind is Kind.REST:
            text += "(?:/.*)?" if len(segments) > 1 else "/.*"
        elif segment.kind is Kind.PARAMETER:
            text += "/[^/]+"
        else:
            text += "/" + re.escape(quote(segment.text, safe="!$&'()*+,;=:@~-._"))
    return text


def _suffixes(host: str) -> list[str]:
    """Return the `*.` hosts that take a host too, longest suffix first; none of `*.x` itself."""
    pieces = host.removeprefix("*.").split(".")
    return [f"*.{'.'.join(pieces[at:])}" for at in range(1, len(pieces))]


def _weighted(
    endpoints: list[Endpoint], asked: Mapping[str, int], heaviest: int
) -> Iterator[EdgeEndpoint]:
    copies: dict[str, int] = {}
    for endpoint in endpoints:
        copies[endpoint.instance.version] = copies.get(endpoint.instance.version, 0) + 1
    shares = {version: asked.get(version, 0) / copies[version] for version in copies}
    if not any(shares.values()):
        shares = dict.fromkeys(copies, 1.0)
    largest = max(shares.values(), default=1.0)
    for endpoint in endpoints:
        share = shares[endpoint.instance.version]
        if share > 0:
            yield EdgeEndpoint(endpoint, max(1, round(heaviest * share / largest)))
