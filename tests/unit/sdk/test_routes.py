import pytest

from aether.sdk import call, delete, get, patch, post, put
from aether.sdk.routes import CALL, ROUTES, CallMark, pattern_parameters


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("/", ()), ("/a", ()), ("/a/{b}", ("b",)), ("/{a}/x/{*rest}", ("a", "rest"))],
)
def test_patterns_name_their_parameters(pattern: str, names: tuple[str, ...]) -> None:
    assert pattern_parameters(pattern) == names


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "a",
        "/a/",
        "//",
        "/{*rest}/x",
        "/{a}/{a}",
        "/x{a}",
        "/{1}",
        "/{}",
        "/a?b",
        "/a b",
        "/a#b",
    ],
)
def test_a_bad_pattern_is_refused_where_it_is_written(pattern: str) -> None:
    with pytest.raises(ValueError, match="route"):
        get(pattern)


@pytest.mark.parametrize(
    ("decorator", "method"),
    [(get, "GET"), (post, "POST"), (put, "PUT"), (patch, "PATCH"), (delete, "DELETE")],
)
def test_each_verb_leaves_its_mark(decorator: object, method: str) -> None:
    async def handler(self: object) -> None: ...

    assert callable(decorator)
    marked = decorator("/x", timeout=2, body_limit=5)(handler)
    assert marked is handler
    (mark,) = getattr(handler, ROUTES)
    assert (mark.method, mark.pattern, mark.timeout_s, mark.body_limit) == (method, "/x", 2.0, 5)


def test_marks_add_up() -> None:
    @get("/a")
    @get("/b")
    @call(idempotent=True)
    async def handler(self: object) -> None: ...

    assert {mark.pattern for mark in getattr(handler, ROUTES)} == {"/a", "/b"}
    assert getattr(handler, CALL) == CallMark(idempotent=True)


def test_a_wrong_option_names_the_handler_the_route_and_the_value() -> None:
    async def handler(self: object) -> None: ...

    with pytest.raises(ValueError, match=r"handler, route GET /x: timeout=0 must be above 0"):
        get("/x", timeout=0)(handler)
    with pytest.raises(ValueError, match=r"handler, route POST /x: body_limit=-1 must be"):
        post("/x", body_limit=-1)(handler)
    assert not hasattr(handler, ROUTES)


def test_a_mark_carries_every_option() -> None:
    @get("/x", timeout="2s", attempts=1, hedge_after="100ms", rate=5, burst=9, host="A.example.org")
    @put("/y", internal=True, api_version="2", deprecated="2026-12-31", sunset="2027-06-30")
    async def handler(self: object) -> None: ...

    put_mark, get_mark = getattr(handler, ROUTES)
    assert (get_mark.timeout_s, get_mark.attempts, get_mark.hedge_after_s) == (2.0, 1, 0.1)
    assert (get_mark.rate, get_mark.burst, get_mark.host) == (5.0, 9, "a.example.org")
    assert (put_mark.internal, put_mark.api_version) == (True, "2")
    assert (put_mark.deprecated, put_mark.sunset) == ("2026-12-31", "2027-06-30")
