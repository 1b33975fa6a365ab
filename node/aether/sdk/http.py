"""What a handler gets and what it may return: Request, Response, HttpError."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from aether.sdk.values import encode_json

Headers = Iterable[tuple[str, str]]
MAX_QUERY_FIELDS = 256


class BodySource(Protocol):
    """Where a request's body comes from; the host implements it over its connection."""

    async def read(self) -> bytes:
        """Return the whole body; raise HttpError 413 when it is over the route's limit."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; the sender waits while the reader is slower."""
        ...


class HttpError(Exception):
    """Raised by a handler to answer with an error status and a problem document.

    >>> raise HttpError(404, "no link 'x7'", code="unknown_link")
    Traceback (most recent call last):
    ...
    aether.sdk.http.HttpError: 404: no link 'x7'
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        code: str | None = None,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail or phrase(status)
        self.code = code or _CODES.get(status, "error")
        self.errors = errors or []
        self.headers = dict(headers or {})
        super().__init__(f"{status}: {self.detail}")

    def problem(self) -> dict[str, Any]:  # values of a problem document are of several types
        """Return the RFC 9457 problem document."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": phrase(self.status),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = self.errors
        return document


_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    500: "slice_failed",
    503: "unavailable",
}


def phrase(status: int) -> str:
    """Return the reason phrase of a status, or an empty string for an unregistered one."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class Response:
    """An answer in full: status, headers and bytes, or an async iterable of chunks.

    >>> Response.redirect("https://example.org/").headers
    [('location', 'https://example.org/')]
    >>> Response.json({"ok": True}, status=201).body
    b'{"ok":true}'
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        body: bytes | AsyncIterable[bytes] = b"",
        *,
        status: int = 200,
        headers: Mapping[str, str] | Headers = (),
        content_type: str | None = None,
    ) -> None:
        if not 200 <= status <= 599:
            raise ValueError(f"{status} is not the status of an answer: expected 200 to 599")
        self.status = status
        self.body = body
        self.headers: list[tuple[str, str]] = _checked(headers) if headers else []
        if content_type is not None:
            self.headers.append(("content-type", content_type))

    @classmethod
    def json(
        cls, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> "Response":
        """Answer with a typed value as JSON."""
        return cls(encode_json(value), status=status, headers=headers or {}, content_type=JSON)

    @classmethod
    def text(cls, text: str, *, status: int = 200) -> "Response":
        """Answer with plain text."""
        return cls(text.encode(), status=status, content_type="text/plain; charset=utf-8")

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> "Response":
        """Send the client elsewhere; `status` is 301, 302, 303, 307 or 308."""
        if status not in (301, 302, 303, 307, 308):
            raise ValueError(f"{status} is no redirect: expected 301, 302, 303, 307 or 308")
        return cls(status=status, headers={"location": url})


JSON = "application/json"
PROBLEM = "application/problem+json"


def _checked(headers: Mapping[str, str] | Headers) -> list[tuple[str, str]]:
    """Return headers with lower-case names; raise ValueError for one that would end its line."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    checked = [(name.lower(), value) for name, value in pairs]
    for name, value in checked:
        if not _is_clean(name) or not _is_clean(value):
            raise ValueError(f"header {name!r}: {value!r} holds a line break or a zero byte")
    return checked


def _is_clean(text: str) -> bool:
    return not ("\r" in text or "\n" in text or "\0" in text)


class _Held:
    """A body that is already here."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self) -> bytes:
        return self._body

    async def chunks(self) -> AsyncIterator[bytes]:
        if self._body:
            yield self._body


class Request:
    """One HTTP request. `headers` has lower-case names; repeated ones are joined by a comma.

    >>> request = Request("GET", "/find", query="q=tea&q=milk&n=3", headers={"host": "example.org"})
    >>> request.query["q"], request.base_url
    (['tea', 'milk'], 'http://example.org')
    """

    __slots__ = ("_body", "_query", "headers", "method", "params", "path", "query_string")

    def __init__(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes | BodySource = b"",
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query
        self.headers = headers if headers is not None else {}
        self.params = params if params is not None else {}
        self._body = _Held(body) if isinstance(body, bytes) else body
        self._query: Mapping[str, list[str]] | None = None

    @property
    def query(self) -> Mapping[str, list[str]]:
        """Query parameters, each with all its values; raises HttpError 400 when there are too many."""
        if self._query is None:
            self._query = _parse_query(self.query_string) if self.query_string else {}
        return self._query

    @property
    def base_url(self) -> str:
        """`scheme://host` as the client wrote it, from `x-forwarded-…` or `host`."""
        host = self.headers.get("x-forwarded-host") or self.headers.get("host") or "localhost"
        scheme = self.headers.get("x-forwarded-proto", "http")
        return f"{scheme.partition(',')[0].strip()}://{host.partition(',')[0].strip()}"

    async def body(self) -> bytes:
        """Return the whole body, at most the route's `body_limit` bytes."""
        return await self._body.read()

    async def json(self) -> Any:  # noqa: ANN401 - a JSON value may be anything
        """Return the body as JSON values; raises HttpError 422 when it is not JSON."""
        try:
            return msgspec.json.decode(await self.body())
        except msgspec.DecodeError as problem:
            raise HttpError(422, f"the body is not JSON: {problem}") from problem

    def stream(self) -> AsyncIterator[bytes]:
        """Yield the body in chunks as they arrive."""
        return self._body.chunks()


def _parse_query(text: str) -> Mapping[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError as problem:
        raise HttpError(
            400, f"the query has more than {MAX_QUERY_FIELDS} fields: send fewer"
        ) from problem
