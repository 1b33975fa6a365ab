"""Clients of other people ask unmodified applications (Starlette by ASGI, Flask by WSGI) through the router.

`http.client`, `urllib`, `aiohttp` and curl always; `requests`, `httpx` and `urllib3` where they are installed.
"""

import asyncio
import hashlib
import http.client
import importlib.util
import io
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import aiohttp
import pytest

from e2e.client_applications import APPLICATIONS, write_application, write_blueprint
from e2e.plain import Nodes, plain_nodes

TIMEOUT_S = 30.0
KIB = b"x" * 1024


@dataclass(frozen=True)
class Got:
    """What a client made of an answer; header names in lower case, the last of several counts."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:  # noqa: ANN401 - whatever was said
        return json.loads(self.body)


Client = Callable[[str, str, dict[str, str], bytes | None], Got]
"""Takes method, URL, headers and body; follows no redirect."""


def lowered(pairs: Any) -> dict[str, str]:  # noqa: ANN401 - each library has its own type of headers
    return {name.lower(): value for name, value in pairs}


def with_http_client(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Got:
    parts = urllib.parse.urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    try:
        connection.request(method, url.partition(parts.netloc)[2], body, headers)
        response = connection.getresponse()
        return Got(response.status, response.read(), lowered(response.getheaders()))
    finally:
        connection.close()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def with_urllib(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Got:
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - our own address
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return Got(response.status, response.read(), lowered(response.headers.items()))
    except urllib.error.HTTPError as answer:
        with answer:
            return Got(answer.code, answer.read(), lowered(answer.headers.items()))


def with_aiohttp(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Got:
    async def ask() -> Got:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        sent = None if body is None else io.BytesIO(body)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(
                method, url, headers=headers, data=sent, allow_redirects=False
            ) as response,
        ):
            return Got(response.status, await response.read(), lowered(response.headers.items()))

    return asyncio.run(ask())


def with_curl(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Got:
    command = ["curl", "--silent", "--show-error", "--max-time", str(TIMEOUT_S), "--include"]
    command += ["--head"] if method == "HEAD" else ["--request", method]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    command += ["--data-binary", "@-"] if body is not None else []
    done = subprocess.run([*command, url], input=body, capture_output=True, check=True)
    rest = done.stdout
    while True:
        head, _, rest = rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        if not first.split()[1].startswith("1"):
            pairs = (line.split(": ", 1) for line in lines)
            return Got(int(first.split()[1]), rest, lowered(pairs))


def with_requests(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Got:
    library = importlib.import_module("requests")
    answer = library.request(
        method, url, headers=headers, data=body, timeout=TIMEOUT_S, allow_redirects=False
    )
    return Got(answer.status_code, answer.content, lowered(answer.headers.items()))


def with_httpx(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Got:
    library = importlib.import_module("httpx")
    answer = library.request(method, url, headers=headers, content=body, timeout=TIMEOUT_S)
    return Got(answer.status_code, answer.content, lowered(answer.headers.items()))


def with_urllib3(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Got:
    library = importlib.import_module("urllib3")
    with library.PoolManager() as pool:
        answer = pool.request(
            method,
            url,
            headers=headers,
            body=body,
            timeout=TIMEOUT_S,
            redirect=False,
            retries=False,
        )
        return Got(answer.status, answer.data, lowered(answer.headers.items()))


ALWAYS: dict[str, Client] = {
    "http.client": with_http_client,
    "urllib": with_urllib,
    "aiohttp": with_aiohttp,
}
IF_INSTALLED: dict[str, Client] = {
    "requests": with_requests,
    "httpx": with_httpx,
    "urllib3": with_urllib3,
}
CLIENTS = {
    **ALWAYS,
    **({"curl": with_curl} if shutil.which("curl") else {}),
    **{name: client for name, client in IF_INSTALLED.items() if importlib.util.find_spec(name)},
}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with plain_nodes(29_000) as made:
        made.start(1)
        made.wait_ready(1)
        for name in sorted(APPLICATIONS):
            made.aether(1, "artifact", "push", str(write_application(made.folder, name)))
        made.aether(1, "blueprint", "apply", str(write_blueprint(made.folder)), "--wait")
        yield made


@pytest.fixture(scope="module", params=sorted(APPLICATIONS))
def base(nodes: Nodes, request: pytest.FixtureRequest) -> str:
    return f"http://127.0.0.1:{nodes.port(1, 'router')}/{request.param}"


@pytest.fixture(params=sorted(CLIENTS))
def client(request: pytest.FixtureRequest) -> Client:
    return CLIENTS[request.param]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_arrives_as_it_was_sent(base: str, client: Client, method: str) -> None:
    body = b"a body" if method in ("POST", "PUT", "PATCH") else None
    got = client(method, f"{base}/echo?a=1&b=%20%2F&a=2", {"X-Custom": "a value"}, body)
    told = got.json()
    assert (got.status, told["method"], got.headers["x-method"]) == (200, method, method)
    assert told["query"] == [["a", "1"], ["b", " /"], ["a", "2"]]
    assert (told["custom"], told["length"]) == (["a value"], len(body or b""))
    assert told["scheme"] == "http"
    assert told["host"] == base.split("/")[2]


def test_a_head_has_the_headers_and_no_body(base: str, client: Client) -> None:
    got = client("HEAD", f"{base}/large/8", {}, None)
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "8192")


@pytest.mark.parametrize("kib", [1, 2048])
def test_a_body_of_any_size_arrives_whole(base: str, client: Client, kib: int) -> None:
    told = client("POST", f"{base}/echo", {"Content-Type": "text/plain"}, KIB * kib).json()
    assert told["length"] == kib * 1024
    assert told["digest"] == digest(KIB * kib)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_large_answer_arrives_whole(base: str, client: Client) -> None:
    got = client("GET", f"{base}/large/3072", {}, None)
    assert (got.status, len(got.body)) == (200, 3072 * 1024)
    assert got.body == b"0123456789abcdef" * (3072 * 64)


def test_a_streamed_answer_is_read_to_its_end(base: str, client: Client) -> None:
    got = client("GET", f"{base}/lines/300", {}, None)
    assert got.body.decode().splitlines() == [f"line {number}" for number in range(300)]


@pytest.mark.parametrize("code", [200, 204, 304, 404, 418, 500])
def test_a_status_is_passed_on_with_its_body_or_without(
    base: str, client: Client, code: int
) -> None:
    got = client("GET", f"{base}/status/{code}", {}, None)
    assert (got.status, got.body) == (code, b"" if code in (204, 304) else b"said")


def test_a_redirect_leads_back_through_the_router(base: str, client: Client) -> None:
    got = client("POST", f"{base}/moved", {}, b"once more")
    assert got.status == 307
    assert client("POST", got.headers["location"], {}, b"once more").json()["length"] == 9


def test_cookies_go_both_ways(base: str, client: Client) -> None:
    got = client("GET", f"{base}/cookies", {"Cookie": "a=1; b=2"}, None)
    assert got.json() == {"a": "1", "b": "2"}
    assert got.headers["set-cookie"].startswith(("first=1", "second=2"))


@pytest.mark.parametrize("path", ["a/b/c", "caf%C3%A9", "a%2Fb", "~user/x.y"])
def test_a_path_keeps_its_meaning(base: str, client: Client, path: str) -> None:
    assert client("GET", f"{base}/path/{path}", {}, None).json()["path"] == urllib.parse.unquote(
        path
    )


def test_a_connection_is_kept_for_the_next_request(base: str) -> None:
    _, _, host, name = base.split("/")
    connection = HTTPConnection(host, timeout=TIMEOUT_S)
    connection.connect()
    kept = connection.sock
    for number in range(50):
        connection.request("POST" if number % 2 else "GET", f"/{name}/echo", b"x" * number)
        assert json.loads(connection.getresponse().read())["length"] == number
        assert connection.sock is kept
    connection.close()


def test_a_chunked_upload_arrives_whole(base: str) -> None:
    _, _, host, name = base.split("/")
    connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
    pieces = [KIB * number for number in range(1, 40)]
    connection.request("POST", f"/{name}/echo", iter(pieces), encode_chunked=True)
    assert json.loads(connection.getresponse().read())["digest"] == digest(b"".join(pieces))
    connection.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(
    "flags",
    [["--http1.0"], ["--header", "Expect: 100-continue"], ["--header", "Connection: close"]],
    ids=["HTTP/1.0", "Expect", "close"],
)
def test_curl_is_served_in_its_other_ways(base: str, flags: list[str]) -> None:
    command = ["curl", "--silent", "--show-error", "--max-time", "30", *flags]
    done = subprocess.run(
        [*command, "--data-binary", "@-", f"{base}/echo"],
        input=KIB * 64,
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["length"] == 64 * 1024


def test_many_connections_of_one_client_are_all_answered(base: str) -> None:
    async def ask_all() -> list[int]:
        async with aiohttp.ClientSession() as session:

            async def ask(number: int) -> int:
                async with session.post(f"{base}/echo", data=b"x" * number) as response:
                    return int((await response.json())["length"])

            return await asyncio.gather(*(ask(number) for number in range(200)))

    assert asyncio.run(ask_all()) == list(range(200))


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_an_application_knows_nothing_of_aether(name: str) -> None:
    assert "aether" not in APPLICATIONS[name]


def test_what_an_application_speaks_is_found_out(nodes: Nodes) -> None:
    listed = nodes.aether_json(1, "artifact", "list")
    assert {item["artifact"]: item["manifest"]["kind"] for item in listed} == {
        "org.example:suite-starlette:1.0.0": "asgi",
        "org.example:suite-flask:1.0.0": "wsgi",
    }
