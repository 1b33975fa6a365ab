"""What is wrong with rows of a routing table, one sentence each, naming the row and the value."""

import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from aether.core.dataplane.match import PatternError, form_of
from aether.core.dataplane.rows import BALANCES, INTERNAL, Endpoint, RouteRow, SlicePolicy
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.traffic import traffic_problems

_HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_ADDRESS = re.compile(r"\[[0-9a-f:.]{2,45}\]")
_MAX_HOST = 255
_API_VERSION = re.compile(r"[\x21-\x7e]{0,128}")
_AFFINITY = re.compile(r"(header|cookie):[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}|path:[^\W\d]\w{0,127}")


def route_problems(routes: Iterable[RouteRow]) -> Iterator[str]:
    """Say what is wrong with each route, and which of them match the same requests."""
    seen: dict[tuple[str, str, str], str] = {}
    for row in routes:
        name = _name(row)
        try:
            form = form_of(row.pattern)
        except PatternError as problem:
            yield f"{name}: {problem}"
            continue
        key = (row.host, row.method, form)
        if key in seen:
            yield f"{name} matches the same paths as {seen[key]}"
        seen[key] = name.removeprefix("route ")
        yield from (f"{name}: {problem}" for problem in row_problems(row))


def _name(row: RouteRow) -> str:
    host = f" of {row.host}" if row.host else ""
    return f"route {row.method} {row.pattern}{host}"


def row_problems(row: RouteRow) -> Iterator[str]:
    """Say what is wrong with one route by itself, its pattern left aside."""
    if row.method != row.method.upper() or not row.method:
        yield f"{row.method!r} is not an upper-case verb or *"
    if row.host and not is_host(row.host):
        yield f"host {row.host!r} is not a lower-case name without a port, or *. and such a name"
    if row.auth not in ("", INTERNAL):
        yield f"auth is {row.auth!r}, it must be empty or {INTERNAL!r}"
    if not _API_VERSION.fullmatch(row.api_version):
        yield f"api_version {row.api_version!r} is not of visible ASCII characters, 128 at most"
    yield from _number_problems(row)
    yield from _date_problems(row)


def _number_problems(row: RouteRow) -> Iterator[str]:
    if not row.timeout_s > 0:
        yield f"timeout_s is {row.timeout_s}, it must be above 0"
    if row.attempts < 1:
        yield f"attempts is {row.attempts}, it must be at least 1"
    for field in ("body_limit", "burst", "hedge_after_s", "rate"):
        value = getattr(row, field)
        if not 0 <= value < math.inf:
            yield f"{field} is {value}, it must be 0 or more"


def _date_problems(row: RouteRow) -> Iterator[str]:
    for field in ("deprecated", "sunset"):
        value = getattr(row, field)
        if value and unix_seconds(value) is None:
            yield f"{field} {value!r} is not a date such as 2026-12-31 or 2026-12-31T08:00:00Z"


def is_host(text: str) -> bool:
    """Whether a route may ask for this host: an exact lower-case name, or `*.` and a suffix."""
    return len(text) <= _MAX_HOST and bool(_HOST.fullmatch(text) or _ADDRESS.fullmatch(text))


def unix_seconds(date: str) -> int | None:
    """Return the seconds since 1970 of an RFC 3339 date or date-time; None when it is neither.

    A date is its first moment in UTC, as is a time without an offset.

    >>> unix_seconds("1970-01-02")
    86400
    """
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def endpoint_problems(endpoints: Iterable[Endpoint], node: NodeId) -> Iterator[str]:
    """Say what is wrong with each endpoint as `node` sees it, and which are listed twice."""
    seen: set[InstanceId] = set()
    for endpoint in endpoints:
        name = f"instance {endpoint.instance} on {endpoint.node}"
        if endpoint.instance in seen:
            yield f"{name} is listed twice"
        seen.add(endpoint.instance)
        if endpoint.instance.base != endpoint.slice:
            yield f"{name} is listed for slice {endpoint.slice}"
        problem = _address_problem(endpoint, is_local=endpoint.node == node)
        if problem:
            yield f"{name} {problem}"


def _address_problem(endpoint: Endpoint, *, is_local: bool) -> str:
    if bool(endpoint.socket) == bool(endpoint.mesh):
        return "needs either a socket or a mesh address"
    if is_local != bool(endpoint.socket):
        return "is local and has no socket" if is_local else "is remote and has no mesh address"
    if endpoint.mesh and not is_host_port(endpoint.mesh):
        return f"has the mesh address {endpoint.mesh!r}, which is not host:port"
    if endpoint.socket and not endpoint.socket.startswith("/"):
        return f"has the socket {endpoint.socket!r}, which is not an absolute path"
    return ""


def is_host_port(text: str) -> bool:
    """Whether `text` is `host:port` with a port between 1 and 65535."""
    host, colon, port = text.rpartition(":")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    return bool(host and colon and digits) and 0 < int(port) <= 65535


def policy_problems(policies: Iterable[SlicePolicy]) -> Iterator[str]:
    """Say what is wrong with each policy, and which slices have two."""
    seen = set[str]()
    for policy in policies:
        name = f"policy of {policy.slice}"
        if policy.slice in seen:
            yield f"{name} is listed twice"
        seen.add(policy.slice)
        if policy.balance not in BALANCES:
            yield f"{name}: balance is {policy.balance!r}, it must be one of {', '.join(BALANCES)}"
        if policy.affinity and not _AFFINITY.fullmatch(policy.affinity):
            yield (
                f"{name}: affinity {policy.affinity!r} is not header:NAME, cookie:NAME "
                "or path:PARAMETER"
            )
        for field in ("concurrency", "slow_start_s"):
            value = getattr(policy, field)
            if not 0 <= value < math.inf:
                yield f"{name}: {field} is {value}, it must be 0 or more"
        yield from (
            f"{name}: {problem}" for problem in traffic_problems(policy.weights, policy.rules)
        )
