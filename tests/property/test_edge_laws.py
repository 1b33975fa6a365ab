"""Laws of what foreign proxies are told: they choose as our router does."""

import re

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.edge import EdgeRoute, edge_endpoints, edge_routes, routes_of_host
from aether.core.dataplane.hosts import HostMatcher
from aether.core.dataplane.match import NotAllowed, form_of
from aether.core.dataplane.rows import Endpoint, RouteRow, SlicePolicy
from aether.core.dataplane.table import Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.traffic import VersionWeight

HOSTS = ("", "a.example.org", "*.example.org", "*.org")
BASE = SliceBase("g:s")
pieces = st.sampled_from(("a", "b", "{x}", "{y}"))
patterns = st.builds(
    lambda inner, rest: "/" + "/".join([*inner, *(["{*rest}"] if rest else [])]),
    st.lists(pieces, max_size=3),
    st.booleans(),
)
rows = st.builds(
    lambda host, method, pattern, number: RouteRow(
        host=host, method=method, pattern=pattern, slice=SliceBase(f"g:s{number}")
    ),
    st.sampled_from(HOSTS),
    st.sampled_from(("GET", "HEAD", "POST", "*")),
    patterns,
    st.integers(0, 9),
)
tables = st.lists(
    rows, max_size=12, unique_by=lambda row: (row.host, row.method, form_of(row.pattern))
)
paths = st.builds(lambda parts: "/" + "/".join(parts), st.lists(st.sampled_from("abc"), max_size=4))


def first_fit(routes: tuple[EdgeRoute, ...], host: str, method: str, path: str) -> str:
    """Return the slice a proxy would choose: it looks at the routes of the host that fits best."""
    known = {route.host for route in routes}
    exact = [host] if host in known else []
    suffix = [f"*.{host.partition('.')[2]}", f"*.{host.rpartition('.')[2]}"]
    best = next((each for each in [*exact, *suffix] if each in known), "")
    for route in routes_of_host(routes, best):
        if (not route.methods or method in route.methods) and re.fullmatch(route.path, path):
            return route.slice
    return ""


@given(
    tables,
    st.sampled_from(("a.example.org", "b.example.org", "b.org", "c.net")),
    st.sampled_from(("GET", "HEAD", "POST", "PUT")),
    paths,
)
def test_a_proxy_that_takes_the_first_fit_chooses_as_the_router_does(
    some: list[RouteRow], host: str, method: str, path: str
) -> None:
    ours = HostMatcher(some).find(method, path, host)
    expected = ours.slice if ours is not None and not isinstance(ours, NotAllowed) else ""
    table = Table(revision=1, node=NodeId("n"), routes=tuple(some))
    assert first_fit(edge_routes(table), host, method, path) == expected


weights = st.dictionaries(st.sampled_from(("1.0.0", "1.1.0", "2.0.0")), st.integers(0, 100))
copies = st.dictionaries(
    st.sampled_from(("1.0.0", "1.1.0", "2.0.0")), st.integers(1, 12), min_size=1
)


def split(asked: dict[str, int], there: dict[str, int], heaviest: int) -> dict[str, int]:
    """Return the sum of the weights of each version that is there."""
    instances = [
        Endpoint(
            instance=InstanceId(f"{BASE}:{version}/{number}"),
            slice=BASE,
            node=NodeId("n"),
            socket=f"/{version}.{number}",
        )
        for version, count in there.items()
        for number in range(count)
    ]
    shares = tuple(VersionWeight(version=version, weight=each) for version, each in asked.items())
    table = Table(
        revision=1,
        node=NodeId("n"),
        routes=(RouteRow(method="GET", pattern="/", slice=BASE),),
        instances=tuple(instances),
        policies=(SlicePolicy(slice=BASE, weights=shares),) if shares else (),
    )
    found = dict.fromkeys(there, 0)
    for each in edge_endpoints(table, heaviest)[BASE]:
        assert 1 <= each.weight <= heaviest
        found[each.endpoint.instance.version] += each.weight
    return found


@given(weights, copies)
def test_versions_get_their_shares_within_two_points(
    asked: dict[str, int], there: dict[str, int]
) -> None:
    present = {version: asked.get(version, 0) for version in there}
    if not sum(present.values()):
        return
    found = split(asked, there, 10_000)
    for version, weight in present.items():
        share = 100 * found[version] / sum(found.values())
        assert abs(share - 100 * weight / sum(present.values())) <= 2


@given(weights, copies)
def test_somebody_is_there_whenever_somebody_could_be(
    asked: dict[str, int], there: dict[str, int]
) -> None:
    assert sum(split(asked, there, 256).values()) > 0
