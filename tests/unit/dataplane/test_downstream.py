"""A client connection, fed bytes by hand, in front of a table without endpoints."""

from collections.abc import Callable

import pytest

from aether.core.dataplane.balance import Balancer
from aether.core.dataplane.table import RouteRow, Table
from aether.core.model.ids import NodeId, SliceBase
from aether.dataplane.context import Context
from aether.dataplane.downstream import ClientConnection
from aether.dataplane.exchange import Exchange
from aether.dataplane.limits import Limits
from aether.dataplane.pool import Pool
from aether.dataplane.routing import Listener, Routing
from aether.write_batch import MOST_BYTES, WriteBatch
from tests.unit.dataplane.fakes import HIGH_WATER_BYTES, SlowTransport, Transport

LIMITS = Limits(header_bytes=1000)
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


class Rig:
    """One connection to a router that has a route `/x` and nobody to answer it."""

    def __init__(
        self,
        listener: Listener = Listener.PUBLIC,
        limits: Limits = LIMITS,
        rate: float = 0.0,
        peer: object = ("10.0.0.1", 5),
    ) -> None:
        self.now = 0.0
        route = RouteRow(
            method="*", pattern="/x", slice=SliceBase("a:b"), body_limit=100, rate=rate
        )
        self.context = Context(
            routing=Routing(Table(revision=3, node=NodeId("n1"), routes=(route,))),
            balancer=Balancer(),
            pool=Pool(limits, lambda: self.now),
            limits=limits,
            now=lambda: self.now,
            revision=lambda: 3,
        )
        self.client, self.transport = self.connect(listener, peer)

    def connect(
        self, listener: Listener = Listener.PUBLIC, peer: object = ("10.0.0.1", 5)
    ) -> tuple[ClientConnection, Transport]:
        """Open one more connection."""
        client, transport = ClientConnection(self.context, listener), Transport(peer)
        client.connection_made(transport)
        return client, transport

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
    seen: list[bool] = []

    class Noted(Exchange):
        def __init__(
            self,
            context: Context,
            asker: ClientConnection,
            *,
            is_mesh: bool = False,
            is_trusted: bool = True,
        ) -> None:
            super().__init__(context, asker, is_mesh=is_mesh, is_trusted=is_trusted)
            seen.append(is_trusted)

    monkeypatch.setattr("aether.dataplane.downstream.Exchange", Noted)
    assert Rig(listener).feed(GET) == [503]
    assert seen == [trusted]


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


def test_one_address_cannot_take_all_connections() -> None:
    rig = Rig(limits=Limits(clients=8, address_clients=3))
    more = [rig.connect() for _ in range(3)]
    assert [transport.is_closing() for _, transport in more] == [False, False, True]
    refused = more[2][1].take()
    assert refused.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in refused
    _, other = rig.connect(peer=("10.0.0.2", 5))
    assert not other.is_closing()
    rig.client.connection_lost(None)
    assert not rig.connect()[1].is_closing()


def test_our_own_are_not_bounded_by_address() -> None:
    rig = Rig(Listener.LOCAL, limits=Limits(clients=8, address_clients=1))
    assert not any(rig.connect(Listener.MESH)[1].is_closing() for _ in range(3))


def test_who_is_turned_away_at_the_limit_does_not_linger() -> None:
    rig = Rig(limits=Limits(clients=2))
    transports = [rig.connect(peer=(f"10.0.0.{at}", 5))[1] for at in range(2, 5)]
    assert [transport.is_closing() for transport in transports] == [False, True, True]
    assert transports[1].take().startswith(b"HTTP/1.1 503")


def test_rate_of_a_route_is_kept() -> None:
    rig = Rig(rate=2.0)
    assert rig.feed(GET * 3) == [503, 503, 429]
    rig.client.data_received(GET)
    answer = rig.transport.take()
    assert b"retry-after: 1\r\n" in answer
    assert b'"rate_limited"' in answer
    rig.now = 1.0
    assert rig.feed(GET * 3) == [503, 503, 429]


def test_rate_is_counted_where_a_request_came_first() -> None:
    rig = Rig(Listener.MESH, rate=1.0)
    assert rig.feed(GET * 3) == [400, 400, 400]


def test_the_same_request_is_decided_upon_anew_by_a_new_table() -> None:
    rig = Rig()
    assert rig.feed(GET) == [503]
    rig.context.routing = Routing(Table(revision=4, node=NodeId("n1")))
    assert rig.feed(GET) == [404]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"a" * 9000, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000, 431),
        (b"GET /x HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", 417),
        (b"GET /x HTTP/1.1\r\nHost: h\r\n" + b"a:\r\n" * 256 + b"\r\n", 431),
    ],
)
def test_refusals_have_their_own_status(data: bytes, status: int) -> None:
    rig = Rig(limits=Limits(header_bytes=8500))
    assert rig.feed(data) == [status]
    assert rig.transport.is_eof


class End:
    """The far end of a tunnel, which writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def received(self, data: bytes) -> None:
        self.heard.append(data)

    def hold(self, *, held: bool) -> None:
        self.heard.append(held)

    def client_lost(self) -> None:
        self.heard.append("lost")

    def expire(self) -> None:
        self.heard.append("expired")


def test_after_a_switch_bytes_are_only_bytes() -> None:
    rig, end = Rig(), End()
    rig.feed(GET[:-1])
    rig.client.switch(end)
    rig.client.data_received(GET)
    rig.client.pause_writing()
    rig.client.resume_writing()
    rig.client.expire()
    rig.client.drain()
    assert end.heard == [GET[:-1], GET, True, False, "expired"]
    assert not rig.transport.is_closing()
    rig.client.connection_lost(None)
    assert end.heard[-1] == "lost"
    assert rig.transport.take() == b""


def test_a_client_that_reads_slowly_is_waited_for_and_one_that_does_not_read_is_not() -> None:
    rig = Rig()
    stall_s = rig.context.limits.stall_s
    rig.client.pause_writing()
    for waiting in (100_000, 60_000, 20_000, 1):
        rig.now += stall_s
        rig.transport.unsent = waiting
        rig.client.expire()
        assert rig.client.deadline == rig.now + stall_s
        assert not rig.transport.is_aborted
    rig.client.expire()
    assert rig.transport.is_aborted


def test_pipelined_requests_of_a_client_that_never_reads_do_not_pile_up_answers() -> None:
    rig, turns = Rig(), list[Callable[[], None]]()
    rig.context.writes = WriteBatch(turns.append)
    slow = SlowTransport()
    client = ClientConnection(rig.context, Listener.PUBLIC)
    slow.reader = client
    client.connection_made(slow)
    client.data_received(GET.replace(b"/x", b"/unknown") * 5000)
    for flush in turns:
        flush()
    assert 0 < len(slow.written) < HIGH_WATER_BYTES + 2 * MOST_BYTES
    assert rig.context.requests < 1000
