import pytest

from aether.host.body import Body, Disconnected
from aether.host.exchange import Exchange
from aether.sdk import HttpError


class FakeWire:
    def __init__(self, *, keep: bool = True) -> None:
        self.sent = b""
        self.keep = keep

    def send(self, data: bytes) -> None:
        self.sent += data

    async def writable(self) -> None:
        return

    def may_keep_alive(self, exchange: Exchange) -> bool:
        return self.keep and exchange.keep_alive


def exchange(
    method: str = "GET", *, keep: bool = True, old: bool = False
) -> tuple[Exchange, FakeWire]:
    wire = FakeWire(keep=keep)
    made = Exchange(wire, Body(lambda: None, lambda: None))
    made.method, made.http_1_0 = method, old
    return made, wire


async def test_a_whole_answer_has_its_length() -> None:
    made, wire = exchange()
    await made.respond(200, [(b"X-A", b"1"), (b"Connection", b"upgrade")], b"hi")
    assert wire.sent == b"HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nhi"
    assert (made.started, made.finished, made.status) == (True, True, 200)


async def test_an_answer_in_pieces_is_chunked() -> None:
    made, wire = exchange()
    await made.start(200, ())
    await made.write(b"abc")
    await made.write(b"")
    await made.finish()
    head, _, body = wire.sent.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"3\r\nabc\r\n0\r\n\r\n"


async def test_a_declared_length_is_kept() -> None:
    made, wire = exchange()
    await made.start(200, [(b"content-length", b"3")])
    await made.write(b"abc")
    await made.finish()
    assert wire.sent == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"


@pytest.mark.parametrize("status", [204, 304])
async def test_some_statuses_have_no_body(status: int) -> None:
    made, wire = exchange()
    await made.respond(status, (), b"ignored")
    assert b"content-length" not in wire.sent
    assert wire.sent.endswith(b"\r\n\r\n")


async def test_old_clients_are_told_what_becomes_of_the_connection() -> None:
    made, wire = exchange(old=True)
    await made.respond(200, ())
    assert b"connection: keep-alive" in wire.sent
    made, wire = exchange(old=True)
    await made.start(200, ())
    assert b"connection: close" in wire.sent
    assert b"chunked" not in wire.sent


async def test_head_is_answered_without_body() -> None:
    made, wire = exchange("HEAD", keep=False)
    await made.respond(200, (), b"abc")
    assert wire.sent == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\n"


async def test_a_refusal_is_a_problem_document() -> None:
    made, wire = exchange()
    await made.refuse(HttpError(405, "no", headers={"allow": "GET"}))
    assert wire.sent.startswith(b"HTTP/1.1 405 Method Not Allowed\r\nallow: GET\r\n")
    assert b'"code":"method_not_allowed"' in wire.sent


async def test_nothing_is_sent_to_who_has_gone() -> None:
    made, wire = exchange()
    made.lose(Disconnected("gone"))
    await made.wait_over()
    with pytest.raises(Disconnected):
        await made.respond(200, ())
    assert wire.sent == b""
