"""A connection to an instance, fed bytes by hand."""

import pytest

from aether.dataplane.heads import ResponseHead, read_response
from aether.dataplane.upstream import UpstreamConnection
from tests.unit.dataplane.fakes import Transport
from tests.unit.dataplane.play import endpoint


class Receiver:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.done = False
        self.reason = ""
        self.held: list[bool] = []

    def answered(
        self, _: UpstreamConnection, head: ResponseHead, payload: bytes, *, done: bool
    ) -> None:
        self.status, self.body, self.done = head.status, payload, done

    def more(self, _: UpstreamConnection, payload: bytes, *, done: bool) -> None:
        self.body += payload
        self.done = done

    def lost(self, _: UpstreamConnection, reason: str) -> None:
        self.reason = reason

    def switched(self, _: UpstreamConnection, head: ResponseHead, payload: bytes) -> None:
        self.status, self.body = head.status, payload

    def connected(self, _: UpstreamConnection) -> None:
        raise AssertionError("it was open already")

    def not_connected(self, _: UpstreamConnection, reason: str) -> None:
        raise AssertionError(reason)

    def hold_request(self, *, held: bool) -> None:
        self.held.append(held)


class Open:
    """A connection, its transport and who waits on it."""

    def __init__(self, method: str = "GET") -> None:
        self.closed: list[UpstreamConnection] = []
        self.connection = UpstreamConnection("/s", 1000, self.closed.append)
        self.transport = Transport()
        self.connection.connection_made(self.transport)
        self.receiver = Receiver()
        self.connection.send(self.receiver, method, b"request")

    def feed(self, data: bytes) -> Receiver:
        self.connection.data_received(data)
        return self.receiver


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 None\r\n\r\n", b""),
    ],
)
def test_reads_an_answer_however_it_is_cut(wire: bytes, body: bytes, step: int) -> None:
    opened = Open()
    assert opened.transport.take() == b"request"
    for begin in range(0, len(wire), step):
        opened.feed(wire[begin : begin + step])
    assert (opened.receiver.body, opened.receiver.done) == (body, True)
    assert opened.connection.may_be_kept
    assert opened.connection.served == 1


def test_answer_until_close_ends_with_the_connection() -> None:
    opened = Open()
    opened.feed(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert not opened.receiver.done
    opened.connection.connection_lost(None)
    assert (opened.receiver.body, opened.receiver.done) == (b"abc", True)
    reset = Open()
    reset.feed(b"HTTP/1.1 200 OK\r\n\r\nabc")
    reset.connection.connection_lost(ConnectionResetError("reset"))
    assert (reset.receiver.done, reset.receiver.reason) == (False, "reset")


@pytest.mark.parametrize(
    "wire",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2000,
    ],
)
def test_what_is_no_answer_is_a_lost_one(wire: bytes) -> None:
    opened = Open()
    assert "not HTTP/1.1" in opened.feed(wire).reason
    assert opened.transport.is_aborted
    assert not opened.connection.is_usable


def test_a_switch_that_was_asked_for_is_handed_on_with_what_follows_it() -> None:
    opened = Open()
    opened.connection.may_switch = True
    opened.feed(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw")
    assert (opened.receiver.status, opened.receiver.body) == (101, b"raw")
    opened.feed(b"\x00more")
    assert opened.receiver.body == b"raw\x00more"
    opened.connection.connection_lost(None)
    assert opened.receiver.done


def test_begins_of_answers_are_kept_by_instance_and_bounded() -> None:
    opened = Open()
    head = read_response(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET")
    endpoints = [endpoint(number, mesh=True) for number in range(40)]
    starts: list[bytes] = []
    for _ in range(2):
        starts = [opened.connection.answer_start(head, each, b"") for each in endpoints]
        assert len(set(starts)) == 40
        assert b"x-aether-instance: a:b:1.0.0/39\r\n" in starts[39]
    assert len(opened.connection._starts) <= 16
    assert opened.connection.answer_start(head, endpoints[39], b"") is starts[39]
    assert b"a: b" in opened.connection.answer_start(head, endpoints[39], b"a: b\r\n")


def test_trailers_are_there_once_the_answer_is_done() -> None:
    opened = Open()
    opened.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
    opened.feed(b"1\r\na\r\n0\r\nX-Sum: 7\r\nX-Other: 8\r\n\r\n")
    assert opened.receiver.done
    assert opened.connection.trailers == b"X-Sum: 7\r\n"


def test_a_connection_given_up_while_it_opens_is_closed_when_it_is_open() -> None:
    made = UpstreamConnection("/s", 1000, lambda _: None)
    assert made.is_opening
    made.abandon()
    transport = Transport()
    made.connection_made(transport)
    assert transport.is_closing()
    assert not made.is_opening
    assert not made.is_open


def test_thousands_of_interim_answers_are_passed_over() -> None:
    opened = Open()
    opened.feed(b"HTTP/1.1 103 E\r\n\r\n" * 5000 + b"HTTP/1.1 204 N\r\n\r\n")
    assert opened.receiver.done


def test_bytes_after_the_answer_or_before_a_request_end_the_connection() -> None:
    opened = Open()
    opened.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab")
    assert (opened.receiver.body, opened.receiver.done) == (b"a", True)
    assert not opened.connection.may_be_kept
    idle = Open()
    idle.feed(b"HTTP/1.1 204 N\r\n\r\n")
    idle.feed(b"more")
    assert idle.transport.is_aborted


@pytest.mark.parametrize("line", ["Connection: close\r\n", ""])
def test_an_instance_that_closes_is_not_kept(line: str) -> None:
    opened = Open()
    version = "1.1" if line else "1.0"
    opened.feed(f"HTTP/{version} 200 OK\r\n{line}Content-Length: 0\r\n\r\n".encode())
    assert opened.receiver.done
    assert not opened.connection.may_be_kept


def test_lost_before_any_byte() -> None:
    opened = Open()
    opened.connection.connection_lost(None)
    assert opened.receiver.reason == "the connection was closed"
    assert opened.closed == [opened.connection]


def test_back_pressure_goes_both_ways() -> None:
    opened = Open()
    opened.connection.pause_writing()
    opened.connection.resume_writing()
    assert opened.receiver.held == [True, False]
    opened.connection.hold_answer(held=True)
    assert opened.transport.is_reading_held
    opened.connection.hold_answer(held=False)
    assert not opened.transport.is_reading_held
    opened.connection.abandon()
    opened.connection.hold_answer(held=True)
    opened.connection.write(b"late")
    assert not opened.transport.is_reading_held


def test_after_abandoning_nobody_hears_anything() -> None:
    opened = Open()
    opened.connection.abandon()
    opened.connection.connection_lost(None)
    assert opened.receiver.reason == ""
