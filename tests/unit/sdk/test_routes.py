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
    marked = decorator("/x", timeout_s=2, body_limit=5)(handler)
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


def test_limits_must_make_sense() -> None:
    with pytest.raises(ValueError, match="timeout_s=0"):
        get("/x", timeout_s=0)
    with pytest.raises(ValueError, match="body_limit=-1"):
        post("/x", body_limit=-1)
