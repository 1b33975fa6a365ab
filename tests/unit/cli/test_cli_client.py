"""One bounded exchange: endpoints in turn, answers parsed, every failure of its kind."""

import socket

import pytest

from aether.cli import client as client_module
from aether.cli.client import Client, Endpoint, parse_endpoint, path_to
from aether.cli.failures import CliError, InvalidInput, Missing, Refused, Unreachable
from tests.cli_world import API, Answer, FakeApi, free_port, page, problem, raw_server


def read_request(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data and (part := connection.recv(4096)):
        data += part


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("http://127.0.0.1:5151", Endpoint("127.0.0.1", 5151)),
        ("node-1.example", Endpoint("node-1.example", 8080)),
        ("node-1:81", Endpoint("node-1", 81)),
        ("http://[::1]:5151/", Endpoint("::1", 5151)),
    ],
)
def test_endpoints(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint
    assert parse_endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    "text",
    ["https://a", "ftp://a", "http://", "a:99999", "a:b", "http://a/x", "http://u@a", "http://["],
)
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected http://HOST:PORT"):
        parse_endpoint(text)


def test_without_endpoints() -> None:
    with pytest.raises(InvalidInput, match="AETHER_ENDPOINT"):
        Client([" ", ""])


def test_paths_are_quoted() -> None:
    assert path_to("kv", "route/POST /a?b#c%") == f"{API}/kv/route/POST%20/a%3Fb%23c%25"
    assert path_to("kv", prefix="a b", limit=None, cursor="") == f"{API}/kv?prefix=a+b"
    assert path_to("kv", mod_revision=0) == f"{API}/kv?mod_revision=0"


def test_bodies_come_back_as_what_they_are(api: FakeApi) -> None:
    client = Client([api.url])
    api.on("GET", "json", Answer(value={"a": [1]}))
    api.on("GET", "text", Answer(text="ä".encode(), content_type="text/plain; charset=utf-8"))
    api.on("GET", "bytes", Answer(text=b"\x00\xff", content_type="application/octet-stream"))
    api.on("POST", "none", Answer(201, text=b""))
    assert client.get(f"{API}/json") == {"a": [1]}
    assert client.get(f"{API}/text") == "ä"
    assert client.get(f"{API}/bytes") == b"\x00\xff"
    assert client.request("POST", f"{API}/none", b"body", {"x-a": "b"}) == (201, None)
    assert (api.asked[-1].body, api.asked[-1].headers["x-a"]) == (b"body", "b")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(422, InvalidInput), (404, Missing), (409, Refused), (503, Unreachable), (500, CliError)],
)
def test_errors_of_the_api(api: FakeApi, status: int, kind: type[CliError]) -> None:
    api.on("GET", "x", problem(status, "so it is", "some_code"))
    with pytest.raises(kind, match="so it is") as raised:
        Client([api.url]).get(f"{API}/x")
    assert type(raised.value) is kind
    assert (raised.value.status, raised.value.code) == (status, "some_code")


def test_something_else_than_the_api_answers(api: FakeApi) -> None:
    api.on("GET", "a", Answer(404, text=b"<html>nginx</html>", content_type="text/html"))
    api.on("GET", "b", Answer(200, text=b"{nope"))
    with pytest.raises(Missing, match="HTTP 404: <html>nginx"):
        Client([api.url]).get(f"{API}/a")
    with pytest.raises(CliError, match="broken JSON"):
        Client([api.url]).get(f"{API}/b")


def test_the_next_endpoint_is_tried_when_connecting_fails_and_kept(api: FakeApi) -> None:
    api.on("GET", "x", Answer(value=1))
    client = Client([f"http://127.0.0.1:{free_port()}", api.url, "http://127.0.0.1:1"])
    assert client.get(f"{API}/x") == 1
    assert str(client._endpoints[0]) == api.url
    assert client.get(f"{API}/x") == 1
    assert len(client._endpoints) == 3


def test_nobody_listens() -> None:
    first, second = free_port(), free_port()
    client = Client([f"http://127.0.0.1:{first}", f"http://127.0.0.1:{second}"])
    with pytest.raises(Unreachable) as raised:
        client.get("/")
    assert len(raised.value.problems) == 2
    assert str(first) in raised.value.problems[0]
    assert "--endpoint" in raised.value.remedy


def test_a_host_name_that_cannot_be_one() -> None:
    with pytest.raises(Unreachable):
        Client([f"http://{'a' * 70}.example"]).get("/")


def test_a_change_is_never_sent_twice(api: FakeApi) -> None:
    with raw_server(read_request) as breaks_off:
        client = Client([breaks_off, api.url])
        with pytest.raises(Unreachable, match="whether the change took effect is unknown"):
            client.request("POST", f"{API}/x", b"body")
        with pytest.raises(Unreachable, match="broke off"):
            client.get(f"{API}/x")
    assert api.asked == []


def test_a_server_that_never_answers() -> None:
    def listen(connection: socket.socket) -> None:
        read_request(connection)
        connection.recv(1)

    with (
        raw_server(listen) as url,
        pytest.raises(Unreachable, match=r"did not answer within 0\.2 s"),
    ):
        Client([url], timeout_s=0.2).get("/")


@pytest.mark.parametrize("head", ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nx-a: "])
def test_a_server_that_trickles(head: str) -> None:
    """Every byte restarts a socket's own time-out; the deadline holds all the same."""

    def trickle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head.encode())
        connection.settimeout(0.02)
        while True:
            connection.sendall(b"x")
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    with raw_server(trickle) as url, pytest.raises(Unreachable, match="did not answer within"):
        Client([url]).request("GET", "/", timeout_s=0.3)


def test_an_answer_cut_short() -> None:
    def cut(connection: socket.socket) -> None:
        read_request(connection)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"
        connection.sendall(head + b"[1]")

    with raw_server(cut) as url, pytest.raises(Unreachable, match="broke off"):
        Client([url]).get("/")


def test_not_even_http() -> None:
    with (
        raw_server(lambda connection: connection.sendall(b"SSH-2.0\r\n" * 3)) as url,
        pytest.raises(Unreachable, match="broke off"),
    ):
        Client([url]).get("/")


def test_an_answer_too_large(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_RESPONSE_BYTES", 100)
    api.on("GET", "x", Answer(text=b"x" * 101, content_type="text/plain"))
    with pytest.raises(CliError, match="exceeds 100 bytes"):
        Client([api.url]).get(f"{API}/x")


def test_lists_are_followed_to_their_end(api: FakeApi) -> None:
    api.on("GET", "nodes?limit=1000", page(1, 2, cursor="c"))
    api.on("GET", "nodes?limit=1000&cursor=c", page(3))
    assert list(Client([api.url]).items("nodes")) == [1, 2, 3]


def test_lists_end_at_the_limit(api: FakeApi) -> None:
    api.on("GET", "kv?prefix=a&limit=3", page(1, 2, cursor="c"))
    api.on("GET", "kv?prefix=a&limit=1&cursor=c", page(3, cursor="d"))
    assert list(Client([api.url]).items("kv", prefix="a", limit=3)) == [1, 2, 3]


def test_lists_that_are_none_or_never_end(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGES", 2)
    api.on("GET", "a?limit=1000", Answer(value=[1]))
    api.on("GET", "b?limit=1000", page(1, cursor="b"))
    api.on("GET", "b?limit=1000&cursor=b", page(2, cursor="b"))
    client = Client([api.url])
    with pytest.raises(CliError, match="not a list"):
        list(client.items("a"))
    with pytest.raises(CliError, match="more than 2 pages"):
        list(client.items("b"))
