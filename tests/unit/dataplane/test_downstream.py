"""A client connection, fed bytes by hand, in front of a table without endpoints."""

import pytest

from aether.core.dataplane.balance import Balancer
from aether.core.dataplane.table import RouteRow, Table
from aether.core.model.ids import NodeId, SliceBase
from aether.dataplane.context import Context
from aether.dataplane.downstream import ClientConnection
from aether.dataplane.exchange import Exchange, Request
from aether.dataplane.limits import Limits
from aether.dataplane.pool import Pool
from aether.dataplane.routing import Listener, Routing
from tests.unit.dataplane.fakes import Transport

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


class Rig:
    """One connection to a router that has a route `/x` and nobody to answer it."""

    def __init__(self, listener: Listener = Listener.PUBLIC) -> None:
        self.now = 0.0
        limits = Limits(header_bytes=1000)
        route = RouteRow(method="*", pattern="/x", slice=SliceBase("a:b"), body_limit=100)
        self.context = Context(
            routing=Routing(Table(revision=3, node=NodeId("n1"), routes=(route,))),
            balancer=Balancer(),
            pool=Pool(limits, lambda: self.now),
            limits=limits,
            now=lambda: self.now,
            revision=lambda: 3,
        )
        self.client = ClientConnection(self.context, listener)
        self.transport = Transport()
        self.client.connection_made(self.transport)

    def feed(self, data: bytes) -> list[int]:
        """Return the statuses answered to `data`."""
        self.client.data_received(data)
        answers = self.transport.take().split(b"HTTP/1.1 ")[1:]
        return [int(answer[:3]) for answer in answers]


def test_requests_in_one_piece_are_all_answered() -> None:
    rig = Rig()
    assert rig.feed(GET * 3) == [503, 503, 503]
    assert rig.context.requests == 3
    assert not rig.transport.is_closing()


def test_a_request_in_pieces_is_answered_once_whole() -> None:
    rig = Rig()
    for byte in GET[:-1]:
        assert rig.feed(bytes([byte])) == []
    assert rig.feed(GET[-1:]) == [503]


def test_empty_lines_before_a_request_are_allowed() -> None:
    assert Rig().feed(b"\r\n\r\n" + GET) == [503]


@pytest.mark.parametrize("path", ["/x", "/unknown"])
def test_whole_body_of_a_request_answered_here_is_passed_over(path: str) -> None:
    rig = Rig()
    post = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc".encode()
    assert len(rig.feed(post + GET)) == 2
    assert not rig.transport.is_closing()


def test_body_that_has_not_come_is_not_taken_for_a_request() -> None:
    rig = Rig()
    assert rig.feed(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 90\r\n\r\n") == [503]
    assert rig.transport.is_eof
    assert rig.feed(GET * 5) == []
    rig.client.expire()
    assert rig.transport.is_aborted


def test_lingering_is_bounded() -> None:
    rig = Rig()
    assert rig.feed(b"rubbish\r\n\r\n") == [400]
    for _ in range(17):
        rig.feed(b"x" * 1024 * 1024)
    assert rig.transport.is_aborted


@pytest.mark.parametrize("data", [b"GET /x HTTP/1.1\r\nX: " + b"a" * 1000, b"a" * 1001])
def test_head_over_the_limit(data: bytes) -> None:
    assert Rig().feed(data) == [431]


def test_close_is_honoured() -> None:
    rig = Rig()
    assert rig.feed(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + GET) == [503]
    assert rig.transport.is_closing()


def test_slow_reader_gets_no_further_answers_until_it_has_read() -> None:
    rig = Rig()
    rig.client.pause_writing()
    assert rig.feed(GET) == []
    rig.client.resume_writing()
    assert rig.feed(b"") == [503]


def test_deadlines_follow_the_state() -> None:
    rig = Rig()
    limits = rig.context.limits
    assert rig.client.deadline == limits.idle_s
    rig.now = 5.0
    rig.feed(GET[:5])
    assert rig.client.deadline == 5.0 + limits.header_s
    rig.now = 6.0
    rig.feed(GET[5:10])
    assert rig.client.deadline == 5.0 + limits.header_s
    rig.feed(GET[10:])
    assert rig.client.deadline == 6.0 + limits.idle_s
    rig.client.expire()
    assert rig.transport.is_aborted


def test_expired_head_is_answered() -> None:
    rig = Rig()
    rig.feed(GET[:5])
    rig.client.expire()
    assert rig.transport.take().startswith(b"HTTP/1.1 408")


def test_health_is_for_the_local_door() -> None:
    rig = Rig(Listener.LOCAL)
    rig.client.data_received(b"GET /_aether/health HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = rig.transport.take()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'"revision": 3' in answer
    rig.client.data_received(b"HEAD /_aether/health HTTP/1.1\r\nHost: h\r\n\r\n")
    assert rig.transport.take().endswith(b"\r\n\r\n")


def test_draining_closes_what_is_idle() -> None:
    rig = Rig()
    rig.context.draining = True
    rig.client.drain()
    assert rig.transport.is_closing()
    rig.client.connection_lost(None)
    assert rig.context.emptied.is_set()
    assert not rig.context.clients


@pytest.mark.parametrize(
    ("listener", "trusted"), [(Listener.PUBLIC, False), (Listener.LOCAL, True)]
)
def test_only_our_own_may_vouch_for_a_repetition(
    listener: Listener, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []

    class Noted(Exchange):
        def start(self) -> None:
            seen.append(self.request)

        def __init__(self, context: Context, asker: ClientConnection, request: Request) -> None:
            super().__init__(context, asker, request)
            self.request = request

    monkeypatch.setattr("aether.dataplane.downstream.Exchange", Noted)
    Rig(listener).feed(GET)
    assert [request.is_trusted for request in seen] == [trusted]


def test_a_client_that_takes_no_answers_may_not_go_on_asking() -> None:
    rig = Rig()
    rig.client.pause_writing()
    fed = 0
    while not rig.transport.is_reading_held:
        assert rig.feed(GET * 100) == []
        fed += 100
        assert fed * len(GET) < 3 * 64 * 1024
    rig.client.resume_writing()
    assert not rig.transport.is_reading_held
    assert rig.transport.take().count(b"HTTP/1.1 503") == fed
