"""What patterns mean, by example; the laws are in tests/property/test_routing_laws.py."""

import pytest

from aether.core.dataplane.match import Matcher, NotAllowed, PatternError, parse_pattern
from aether.core.dataplane.table import RouteRow
from aether.core.model.ids import SliceBase


def matcher(*routes: str) -> Matcher[RouteRow]:
    rows = []
    for route in routes:
        method, _, pattern = route.partition(" ")
        rows.append(RouteRow(method=method, pattern=pattern, slice=SliceBase("a:b")))
    return Matcher(rows)


def found(made: Matcher[RouteRow], method: str, path: str) -> str | None:
    row = made.find(method, path)
    return row.pattern if isinstance(row, RouteRow) else None


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/api/v1/urls", "/api/v1/urls"),
        ("/api/v1/urls/", None),
        ("/xyz", "/{code}"),
        ("/", None),
        ("/app", "/app/{*rest}"),
        ("/app/", "/app/{*rest}"),
        ("/app/x/y", "/app/{*rest}"),
        ("/app/x", "/app/{one}"),
        ("/app/x%2Fy", "/app/{one}"),
        ("/%61pp/x/y", "/app/{*rest}"),
        ("/a/b/c", None),
        ("no-slash", None),
        ("*", None),
    ],
)
def test_most_specific_pattern_wins(path: str, pattern: str | None) -> None:
    made = matcher("GET /api/v1/urls", "GET /{code}", "GET /app/{*rest}", "GET /app/{one}")
    assert found(made, "GET", path) == pattern


def test_dead_end_behind_a_literal_is_left_again() -> None:
    made = matcher("GET /a/b/c", "GET /{x}/b/d", "GET /a/{*rest}")
    assert found(made, "GET", "/a/b/d") == "/a/{*rest}"
    assert found(matcher("GET /a/b/c", "GET /{x}/b/d"), "GET", "/a/b/d") == "/{x}/b/d"


def test_pattern_that_refuses_the_method_is_passed_over() -> None:
    made = matcher("POST /a", "GET /{x}", "* /any/{*rest}")
    assert found(made, "GET", "/a") == "/{x}"
    assert found(made, "POST", "/a") == "/a"
    assert made.find("PUT", "/a") == NotAllowed(("GET", "HEAD", "POST"))
    assert found(made, "PURGE", "/any/thing") == "/any/{*rest}"
    assert made.find("PUT", "/a/b") is None


def test_head_takes_its_own_route_before_that_of_get() -> None:
    made = matcher("GET /a", "HEAD /b", "GET /b", "* /b")
    for path in ("/a", "/b"):
        row = made.find("HEAD", path)
        assert isinstance(row, RouteRow)
        assert row.method == {"/a": "GET", "/b": "HEAD"}[path]


def test_of_two_alike_the_first_by_name_is_kept() -> None:
    assert found(matcher("GET /{b}", "GET /{a}"), "GET", "/x") == "/{a}"


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "a",
        "/a b",
        "/a?b",
        "/a#b",
        "/{",
        "/}",
        "/{}",
        "/{a}b",
        "/{*a}/b",
        "/{a-b}",
        "/{*}",
        "/" + "a" * 1024,
        "/a" * 65,
    ],
)
def test_bad_patterns_are_named(pattern: str) -> None:
    with pytest.raises(PatternError, match="pattern"):
        parse_pattern(pattern)


def test_a_path_of_many_segments_is_cheap() -> None:
    made = matcher("GET " + "/{a}" * 60, "GET " + "/a" * 60, "GET /{*rest}")
    assert found(made, "GET", "/a" * 30_000) == "/{*rest}"
