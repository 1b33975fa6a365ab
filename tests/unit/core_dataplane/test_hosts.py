"""Which host's routes answer, by example; the laws are in tests/property/test_hosts_laws.py."""

import pytest

from aether.core.dataplane.hosts import HostMatcher, host_name
from aether.core.dataplane.match import NotAllowed
from aether.core.dataplane.rows import RouteRow
from aether.core.model.ids import SliceBase


def matcher(*routes: str) -> HostMatcher[RouteRow]:
    """Build one of routes such as `GET a.org/x`, named by what they were written as."""
    rows = []
    for route in routes:
        method, _, place = route.partition(" ")
        host, slash, rest = place.partition("/")
        rows.append(
            RouteRow(method=method, pattern=slash + rest, host=host, slice=SliceBase(route))
        )
    return HostMatcher(rows)


def found(made: HostMatcher[RouteRow], method: str, path: str, host: str) -> str | None:
    row = made.find(method, path, host)
    return row.slice if isinstance(row, RouteRow) else None


@pytest.mark.parametrize(
    ("host", "route"),
    [
        ("shop.a.org", "GET shop.a.org/{x}"),
        ("SHOP.A.ORG:8080", "GET shop.a.org/{x}"),
        ("shop.a.org.", "GET shop.a.org/{x}"),
        ("eu.shop.a.org", "GET *.shop.a.org/{x}"),
        ("x.eu.shop.a.org", "GET *.shop.a.org/{x}"),
        ("news.a.org", "GET *.a.org/{x}"),
        ("a.org", "GET /{x}"),
        ("", "GET /{x}"),
        (".a.org", "GET /{x}"),
        ("evil-a.org", "GET /{x}"),
        ("[::1]:80", "GET [::1]/{x}"),
        ("x." * 200 + "a.org", "GET /{x}"),
    ],
)
def test_most_specific_host_answers(host: str, route: str) -> None:
    made = matcher(
        "GET /{x}",
        "GET *.a.org/{x}",
        "GET *.shop.a.org/{x}",
        "GET shop.a.org/{x}",
        "GET [::1]/{x}",
    )
    assert found(made, "GET", "/page", host) == route


def test_the_host_counts_before_the_path() -> None:
    made = matcher("GET /page", "GET a.org/{*rest}")
    assert found(made, "GET", "/page", "a.org") == "GET a.org/{*rest}"
    assert found(made, "GET", "/page", "b.org") == "GET /page"


def test_what_a_host_does_not_answer_the_next_one_may() -> None:
    made = matcher("GET a.org/x", "POST /x", "GET /y")
    assert found(made, "GET", "/y", "a.org") == "GET /y"
    assert found(made, "POST", "/x", "a.org") == "POST /x"
    assert made.find("PUT", "/x", "a.org") == NotAllowed(("GET", "HEAD", "POST"))
    assert made.find("GET", "/x", "b.org") == NotAllowed(("POST",))
    assert made.find("GET", "/z", "a.org") is None


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("a.org", "a.org"),
        ("A.Org:80", "a.org"),
        ("a.org.", "a.org"),
        ("[::1]", "[::1]"),
        ("[::1]:80", "[::1]"),
        ("[::1", "[::1"),
        ("", ""),
        (":80", ""),
    ],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    assert host_name(header) == name


def test_a_long_host_full_of_dots_costs_little() -> None:
    made = matcher("GET a.org/x", "GET /x")
    assert found(made, "GET", "/x", "." * 100_000) == "GET /x"
