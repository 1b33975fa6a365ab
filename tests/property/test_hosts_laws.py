"""Laws of host and path: against a matcher that looks at every row, and against no hosts at all."""

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.hosts import HostMatcher, host_name
from aether.core.dataplane.match import (
    Kind,
    Matcher,
    NotAllowed,
    Segment,
    parameter_of,
    parse_pattern,
    split_path,
)
from aether.core.dataplane.rows import RouteRow
from aether.core.model.ids import SliceBase

METHODS = ("GET", "HEAD", "POST", "*")
BASE = SliceBase("org.example:links")

row_hosts = st.sampled_from(["", "", "a.org", "b.a.org", "*.a.org", "*.b.a.org", "*.org"])
hosts = st.sampled_from(
    ["", "a.org", "A.ORG:80", "b.a.org", "c.b.a.org", "x.c.b.a.org.", "org", "b.org", ".a.org", "q"]
)
patterns = st.builds(
    lambda parts, rest: "/" + "/".join([*parts, *rest]),
    st.lists(st.sampled_from(["a", "b", "{x}", "{y}"]), min_size=1, max_size=3),
    st.sampled_from([[], [], ["{*rest}"]]),
)
rows = st.builds(
    lambda method, pattern, host: RouteRow(method=method, pattern=pattern, host=host, slice=BASE),
    st.sampled_from(METHODS),
    patterns,
    row_hosts,
)
tables = st.lists(rows, max_size=12)
paths = st.lists(st.sampled_from(["a", "b", "c", "", "%61"]), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
methods = st.sampled_from(METHODS[:3])


def host_fits(pattern: str, host: str) -> bool:
    """Say plainly whether a route's host takes the name in a request."""
    name = host.lower().split(":")[0].removesuffix(".")
    if not pattern:
        return True
    if not pattern.startswith("*"):
        return name == pattern
    suffix = pattern[1:]
    return name.endswith(suffix) and len(name) > len(suffix)


def path_fits(pattern: tuple[Segment, ...], parts: list[str]) -> bool:
    """Match one pattern against one path, as plainly as can be said."""
    if pattern and pattern[-1].kind is Kind.REST:
        pattern = pattern[:-1]
        parts = parts[: len(pattern)]
    return len(pattern) == len(parts) and all(
        part == segment.text if segment.kind is Kind.LITERAL else part != ""
        for segment, part in zip(pattern, parts, strict=True)
    )


def naive(table: list[RouteRow], method: str, path: str, host: str) -> RouteRow | set[str] | None:
    """Look at every row: exact host, longest suffix, any host; then kinds of segments; then method."""
    accepted = {"HEAD": ["HEAD", "GET", "*"]}.get(method, [method, "*"])
    fitting = [
        row
        for row in table
        if host_fits(row.host, host) and path_fits(parse_pattern(row.pattern), split_path(path))
    ]
    taking = [
        (
            (row.host == "", row.host.startswith("*"), -len(row.host)),
            [segment.kind.value for segment in parse_pattern(row.pattern)],
            accepted.index(row.method),
            row.pattern,
            place,
        )
        for place, row in enumerate(fitting)
        if row.method in accepted
    ]
    if taking:
        return fitting[min(taking)[-1]]
    return {row.method for row in fitting} or None


@given(tables, methods, paths, hosts)
def test_it_agrees_with_looking_at_every_row(
    table: list[RouteRow], method: str, path: str, host: str
) -> None:
    found = HostMatcher(table).find(method, path, host)
    expected = naive(table, method, path, host)
    if isinstance(found, NotAllowed):
        assert isinstance(expected, set)
        assert set(found.allow) == expected | ({"HEAD"} if "GET" in expected else set())
    else:
        assert found == expected


@given(tables, methods, paths, hosts)
def test_routes_for_any_host_are_found_as_if_there_were_no_hosts(
    table: list[RouteRow], method: str, path: str, host: str
) -> None:
    anywhere = [row for row in table if not row.host]
    assert HostMatcher(anywhere).find(method, path, host) == Matcher(anywhere).find(method, path)
    assert HostMatcher(table).find(method, path, "nowhere") == Matcher(anywhere).find(method, path)


@given(tables, rows, methods, paths, hosts)
def test_a_route_of_another_host_changes_nothing(
    table: list[RouteRow], other: RouteRow, method: str, path: str, host: str
) -> None:
    if not host_fits(other.host, host):
        with_it = HostMatcher([*table, other]).find(method, path, host)
        assert with_it == HostMatcher(table).find(method, path, host)


@given(tables, st.permutations(range(12)), methods, paths, hosts)
def test_the_order_of_rows_does_not_matter(
    table: list[RouteRow], order: list[int], method: str, path: str, host: str
) -> None:
    shuffled = [table[place] for place in order if place < len(table)]
    assert HostMatcher(shuffled).find(method, path, host) == HostMatcher(table).find(
        method, path, host
    )


@given(st.text(max_size=40))
def test_any_header_has_a_name_and_finds_a_route_for_any_host(header: str) -> None:
    assert len(host_name(header)) <= 2 * len(header)  # lower case may be longer, not much
    row = RouteRow(method="GET", pattern="/", slice=BASE)
    hosted = RouteRow(method="GET", pattern="/", host="*.a.org", slice=BASE)
    assert HostMatcher([row, hosted]).find("GET", "/", header) in (row, hosted)


@given(
    st.lists(st.sampled_from(["a", "{x}", "{y}"]), min_size=1, max_size=4), st.booleans(), st.data()
)
def test_parameters_are_the_pieces_in_their_places(
    parts: list[str], has_rest: bool, data: st.DataObject
) -> None:
    pieces = [
        part
        if part == "a"
        else data.draw(st.text(st.characters(codec="utf-8", exclude_characters="/%"), min_size=1))
        for part in parts
    ]
    rest = data.draw(st.lists(st.sampled_from(["p", "q", ""]), max_size=3)) if has_rest else []
    pattern = "/" + "/".join([*parts, *(["{*rest}"] if has_rest else [])])
    path = "/" + "/".join([*pieces, *rest])
    assert parameter_of(pattern, path, "rest") == ("/".join(rest) if has_rest else "")
    for name in ("x", "y"):
        part = "{" + name + "}"
        first = pieces[parts.index(part)] if part in parts else ""
        assert parameter_of(pattern, path, name) == first
