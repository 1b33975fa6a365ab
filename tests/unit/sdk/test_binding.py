from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aether.sdk import HttpError, Request
from aether.sdk.binding import BindingError, arguments_of, bind, call_parameters_of, parameters_of


@dataclass
class Body:
    url: str


def bound(
    handler: Callable[..., Any],
    pattern: str,
    *,
    query: str = "",
    path: dict[str, str] | None = None,
    body: bytes = b"",
) -> dict[str, Any]:
    request = Request("GET", "/", query=query)
    return bind(parameters_of(handler, pattern), request, path or {}, body)


async def full(
    self: object,
    code: str,
    request: Request,
    body: Body,
    page: int = 1,
    tags: list[str] = [],  # noqa: B006 - never changed
) -> None: ...


def test_each_argument_comes_from_its_source() -> None:
    found = bound(
        full,
        "/x/{code}",
        query="page=3&tags=a&tags=b&other=ignored",
        path={"code": "007"},
        body=b'{"url": "u"}',
    )
    assert isinstance(found.pop("request"), Request)
    assert found == {"code": "007", "body": Body("u"), "page": 3, "tags": ["a", "b"]}


def test_defaults_stand_in_for_what_is_absent() -> None:
    found = bound(full, "/x/{code}", path={"code": "c"}, body=b'{"url": "u"}')
    assert (found["page"], found["tags"]) == (1, [])


def test_every_field_that_does_not_fit_is_named_at_once() -> None:
    with pytest.raises(HttpError) as refused:
        bound(full, "/x/{code}", query="page=x", path={"code": "c"}, body=b"{}")
    assert refused.value.status == 422
    assert [error["field"] for error in refused.value.errors] == ["url", "page"]


def test_what_is_required_is_asked_for() -> None:
    async def needs(self: object, q: int, body: Body) -> None: ...

    with pytest.raises(HttpError) as refused:
        bound(needs, "/x")
    assert [error["field"] for error in refused.value.errors] == ["q", "body"]


def test_a_body_may_be_optional_or_raw() -> None:
    async def optional(self: object, body: Body | None = None) -> None: ...

    async def raw(self: object, body: bytes) -> None: ...

    assert bound(optional, "/x") == {"body": None}
    assert bound(raw, "/x", body=b"\x00") == {"body": b"\x00"}


def test_too_many_query_fields_are_refused() -> None:
    with pytest.raises(HttpError, match="256 fields"):
        bound(full, "/x/{code}", query="&".join(f"a{n}=1" for n in range(300)), path={"code": "c"})


def test_a_signature_must_fit_its_route() -> None:
    async def no_parameter(self: object) -> None: ...

    async def spread(self: object, *args: int) -> None: ...

    async def unknown(self: object, x: "Nowhere") -> None: ...  # type: ignore[name-defined] # noqa: F821 - on purpose

    with pytest.raises(BindingError, match="no parameter code"):
        parameters_of(no_parameter, "/x/{code}")
    with pytest.raises(BindingError, match="plain named parameter"):
        parameters_of(spread, "/x")
    with pytest.raises(BindingError, match="annotations"):
        parameters_of(unknown, "/x")


async def method(self: object, body: Body, times: int = 2) -> None: ...


METHOD = call_parameters_of(method)


def test_arguments_of_a_call_are_an_array() -> None:
    assert arguments_of("method", METHOD, b"\x92\x81\xa3url\xa1u\x05") == [Body("u"), 5]
    assert arguments_of("method", METHOD, b"\x91\x81\xa3url\xa1u") == [Body("u")]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not a msgpack array"),
        (b"\x80", "not a msgpack array"),
        (b"\x90", "takes 1 to 2 arguments, got 0"),
        (b"\x93\x01\x02\x03", "takes 1 to 2 arguments, got 3"),
        (b"\x92\x80\xa1x", "body: .*times: "),
    ],
)
def test_arguments_that_do_not_fit_are_refused(raw: bytes, message: str) -> None:
    with pytest.raises(HttpError, match=message) as refused:
        arguments_of("method", METHOD, raw)
    assert refused.value.status == 422
