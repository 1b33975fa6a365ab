import pytest

from aether.sdk import HttpError, Request, Response


async def test_a_request_reads_its_body() -> None:
    request = Request("POST", "/", body=b'{"a": 1}')
    assert await request.body() == b'{"a": 1}'
    assert await request.json() == {"a": 1}
    assert [chunk async for chunk in request.stream()] == [b'{"a": 1}']
    with pytest.raises(HttpError, match="not JSON"):
        await Request("POST", "/", body=b"{").json()


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"host": "a.example:8070"}, "http://a.example:8070"),
        ({"host": "inner", "x-forwarded-host": "outer"}, "http://outer"),
        ({"host": "a", "x-forwarded-proto": "https, http"}, "https://a"),
        ({}, "http://localhost"),
    ],
)
def test_the_base_url_is_the_clients(headers: dict[str, str], url: str) -> None:
    assert Request("GET", "/", headers=headers).base_url == url


def test_a_response_cannot_smuggle_headers() -> None:
    with pytest.raises(ValueError, match="line break"):
        Response(headers={"x": "a\r\nset-cookie: b"})
    with pytest.raises(ValueError, match="line break"):
        Response.redirect("http://x/\nevil")
    with pytest.raises(ValueError, match="status"):
        Response(status=99)
    with pytest.raises(ValueError, match="no redirect"):
        Response.redirect("/", status=200)


def test_responses_of_each_kind() -> None:
    assert Response.text("é").body == "é".encode()
    made = Response.json({"a": 1}, status=201, headers={"Location": "/a"})
    assert (made.status, made.headers) == (
        201,
        [("location", "/a"), ("content-type", "application/json")],
    )


def test_an_error_is_a_problem_document() -> None:
    problem = HttpError(404, "no such link").problem()
    assert problem == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "not_found",
        "detail": "no such link",
    }
    assert HttpError(499).problem()["code"] == "error"
