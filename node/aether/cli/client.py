"""How the command (and forge) talks to the management API: one bounded exchange at a time."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from aether.cli.failures import CliError, InvalidInput, Unreachable, failure_of_answer

API = "/api/v1"
DEFAULT_PORT = 8080
REQUEST_TIMEOUT_S = 30.0
"""Longest time for one exchange, connecting included, unless the caller says otherwise."""
CONNECT_TIMEOUT_S = 5.0
"""Longest time to connect to one endpoint: the next one gets the rest."""
MAX_RESPONSE_BYTES = 64 * 1024 * 1024
"""Largest answer that is read; nothing the API sends is larger than the largest artifact."""
MAX_PROBLEM_BYTES = 64 * 1024
"""Most that is read of an error where a stream was expected."""
MAX_PAGE = 1000
"""Most items the API puts on one page."""
MAX_PAGES = 1000
"""Most pages read of one list."""
_CHUNK = 64 * 1024
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a management API listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Read `http://host[:port]` or `host[:port]`; raise InvalidInput saying what is wrong."""
    url = text.strip()
    shape = "expected http://HOST:PORT, as in http://127.0.0.1:8080"
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError as problem:
        raise InvalidInput(f"endpoint {text!r}: {problem}: {shape}") from problem
    if parts.scheme != "http":
        raise InvalidInput(f"endpoint {text!r}: {parts.scheme} is not spoken: {shape}")
    if not host or parts.path.strip("/") or parts.query or parts.username is not None:
        raise InvalidInput(f"endpoint {text!r}: {shape}")
    return Endpoint(host, DEFAULT_PORT if port is None else port)


def path_to(*parts: str, **query: object) -> str:
    """Return the path of an API resource: every part quoted, empty query values left out.

    Slashes stay as they are: keys of the store contain them.
    """
    path = "/".join([API, *(quote(part, safe="/:@") for part in parts)])
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


class Client:
    """Speaks to the first endpoint that accepts a connection, and stays with it.

    Another endpoint is tried only when connecting fails: once a byte of a request is out, nobody
    can tell whether it took effect, and repeating it is the caller's decision.
    """

    def __init__(self, endpoints: Sequence[str], timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._endpoints = [parse_endpoint(text) for text in endpoints if text.strip()]
        if not self._endpoints:
            raise InvalidInput("no endpoint: name one with --endpoint or AETHER_ENDPOINT")
        self._timeout_s = timeout_s

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> tuple[int, Any]:
        """Return status and body of a 2xx answer: JSON parsed, text as str, the rest as bytes.

        Raises the CliError of the status for every other answer, and Unreachable when nobody
        could be connected to, the connection broke or time ran out.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        endpoint, connection = self._connect(deadline)
        sock = connection.sock
        watchdog = _Watchdog(sock, deadline)
        try:
            with watchdog:
                response, data = _exchange(connection, method, path, body, headers or {})
        except (OSError, HTTPException) as problem:
            raise _lost(method, endpoint, problem, limit_s if watchdog.fired else None) from problem
        finally:
            connection.close()
        if watchdog.fired:  # an answer without a length ends like one that is whole
            raise _lost(method, endpoint, TimeoutError(), limit_s)
        parsed = _parse(response, data, endpoint)
        if not 200 <= response.status < 300:
            raise failure_of_answer(response.status, parsed)
        return response.status, parsed

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON values are what the API sends
        """Return the body of a GET."""
        return self.request("GET", path)[1]

    def stream(
        self, path: str, headers: Mapping[str, str] | None = None, *, by_line: bool = False
    ) -> Iterator[bytes]:
        """Yield the body of a GET piece by piece or line by line; all of it came when no error did.

        The time-out bounds connecting and every silence, not the whole. Raises as `request` does.
        """
        endpoint, connection = self._connect(time.monotonic() + self._timeout_s)
        connection.sock.settimeout(self._timeout_s)
        try:
            connection.request("GET", path, headers={"connection": "close", **(headers or {})})
            response = connection.getresponse()
            if not 200 <= response.status < 300:
                data = response.read(MAX_PROBLEM_BYTES)
                raise failure_of_answer(response.status, _parse(response, data, endpoint))
            while chunk := response.readline(_CHUNK) if by_line else response.read(_CHUNK):
                yield chunk
        except TimeoutError as problem:
            raise _lost("GET", endpoint, problem, self._timeout_s) from problem
        except (OSError, HTTPException) as problem:
            raise _lost("GET", endpoint, problem, None) from problem
        finally:
            connection.close()

    def items(self, *parts: str, limit: int = 0, **query: object) -> Iterator[Any]:
        """Follow the pages of a list; at most `limit` items (0: all)."""
        cursor: str | None = None
        given = 0
        for _ in range(MAX_PAGES):
            size = min(limit - given, MAX_PAGE) if limit else MAX_PAGE
            page = self.get(path_to(*parts, **query, limit=size, cursor=cursor))
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise CliError(f"{'/'.join(parts)}: the answer is not a list: {str(page)[:80]}")
            for item in page["items"]:
                yield item
                given += 1
                if given == limit:
                    return
            cursor = page.get("next")
            if not cursor:
                return
        raise CliError(f"{'/'.join(parts)}: more than {MAX_PAGES} pages; narrow the request")

    def _connect(self, deadline: float) -> tuple[Endpoint, HTTPConnection]:
        problems: list[str] = []
        for endpoint in tuple(self._endpoints):
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                problems.append(f"{endpoint}: not tried, time ran out")
                continue
            connection = HTTPConnection(
                endpoint.host, endpoint.port, timeout=min(CONNECT_TIMEOUT_S, remaining_s)
            )
            try:
                connection.connect()
            except (OSError, UnicodeError) as problem:  # a host name may not even be one
                connection.close()
                problems.append(f"{endpoint}: {getattr(problem, 'strerror', None) or problem}")
                continue
            self._prefer(endpoint)
            return endpoint, connection
        raise Unreachable(
            "no endpoint could be connected to",
            problems=problems,
            remedy="is a node running there? Name others with --endpoint URL,URL or AETHER_ENDPOINT",
        )

    def _prefer(self, endpoint: Endpoint) -> None:
        at = self._endpoints.index(endpoint)
        self._endpoints = [*self._endpoints[at:], *self._endpoints[:at]]


class _Watchdog:
    """Cuts a connection at its deadline, however busily the other side trickles bytes."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        remaining_s = max(0.001, deadline - time.monotonic())
        sock.settimeout(remaining_s)
        self._sock = sock
        self._timer = threading.Timer(remaining_s, self._cut)
        self._timer.daemon = True
        self.fired = False

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, kind: object, problem: object, trace: object) -> None:
        self._timer.cancel()
        self.fired = self.fired or isinstance(problem, TimeoutError)

    def _cut(self) -> None:
        self.fired = True
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # closed already: there is nothing left to cut


def _exchange(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
) -> tuple[HTTPResponse, bytes]:
    connection.request(
        method,
        path,
        body=body,
        headers={"accept": "application/json", "connection": "close", **headers},
    )
    response = connection.getresponse()
    data = bytearray()
    while chunk := response.read(_CHUNK):
        data += chunk
        if len(data) > MAX_RESPONSE_BYTES:
            raise CliError(f"the answer to {method} {path} exceeds {MAX_RESPONSE_BYTES} bytes")
    if response.length:
        raise IncompleteRead(b"", response.length)
    return response, bytes(data)


def _lost(
    method: str, endpoint: Endpoint, problem: Exception, timed_out_after_s: float | None
) -> Unreachable:
    if timed_out_after_s is not None:
        message = f"{endpoint} did not answer within {timed_out_after_s:g} s"
    else:
        message = f"{endpoint} broke off: {str(problem) or type(problem).__name__}"
    if method in _SAFE:
        return Unreachable(message, remedy="try again, or name other nodes with --endpoint")
    return Unreachable(
        f"{message}; whether the change took effect is unknown",
        remedy="look before you repeat it",
        problem={"code": "outcome_unknown"},
    )


def _parse(response: HTTPResponse, data: bytes, endpoint: Endpoint) -> Any:  # noqa: ANN401 - JSON
    kind = response.headers.get_content_type()
    if not data:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(data)
        except ValueError as problem:
            raise CliError(
                f"{endpoint} answered {response.status} with broken JSON: {problem}",
                remedy="is this the management API of a node? See --endpoint",
                status=response.status,
            ) from problem
    return data.decode(errors="replace") if kind.startswith("text/") else data
