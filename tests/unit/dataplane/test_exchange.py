"""One request's life, step by step, with the pool and the client played by the test."""

import pytest

from aether.core.dataplane.route_counts import SeriesCounts
from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane.limits import Limits
from aether.dataplane.routing import Routing
from tests.unit.dataplane.play import OK, TRACE, Play, body_of, endpoint, opened


def test_answer_goes_to_the_client_and_the_connection_to_the_pool() -> None:
    play = Play(endpoint(0)).start()
    assert play.asker.deadline == 105.0
    connection, transport = play.connect()
    assert transport.take() == (
        f"GET / HTTP/1.1\r\nHost: h\r\ntraceparent: {TRACE}\r\nx-request-id: id\r\n\r\n".encode()
    )
    assert play.in_flight == 1
    connection.data_received(OK)
    assert play.code == "ok"
    assert (play.exchange.status, play.exchange.bytes_out, play.exchange.retries) == (200, 2, 0)
    assert play.asker.written == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-aether-instance: a:b:1.0.0/0\r\n"
        b"x-request-id: id\r\n\r\nok"
    )
    assert play.pool.kept == [connection]


def test_peer_router_is_told_the_instance() -> None:
    play = Play(endpoint(0, mesh=True)).start()
    _, transport = play.connect()
    assert transport.take().endswith(
        b"x-request-id: id\r\nx-aether-instance: a:b:1.0.0/0\r\nx-aether-hops: 1\r\n\r\n"
    )


def test_a_request_goes_from_router_to_router_once() -> None:
    lines = ("x-aether-hops: 1",)
    play = Play(endpoint(0, mesh=True), endpoint(1, mesh=True), lines=lines).start()
    _, transport = play.connect()
    assert transport.take() == b""
    assert play.code == "loop"
    assert play.asker.problem is not None
    assert play.asker.problem.status == 508


def test_failed_connections_try_everyone_once() -> None:
    play = Play(endpoint(0), endpoint(1), endpoint(2), head="POST / HTTP/1.1").start()
    assert {play.refuse() for _ in range(3)} == {"/0", "/1", "/2"}
    assert play.code == "no_endpoint"
    assert play.context.balancer.is_ejected(endpoint(0), play.now)
    mesh = Play(endpoint(0), is_mesh=True).start()
    mesh.refuse()
    assert mesh.asker.problem is not None
    assert mesh.asker.problem.headers == {"x-aether-refused": "not-here"}


def test_an_instance_that_came_meanwhile_is_tried_before_giving_up() -> None:
    """The only instance was replaced: the table the request began with leads nowhere."""
    play = Play(endpoint(0)).start()
    newer = Table(revision=1, node=NodeId("here"), routes=(), instances=(endpoint(1),))
    play.context.balancer.configure((), newer.instances, play.now)
    play.context.routing = Routing(newer)
    assert [play.refuse(), play.refuse()] == ["/0", "/1"]
    assert play.code == "no_endpoint"


def test_addresses_that_are_full_are_passed_over() -> None:
    play = Play(endpoint(0), endpoint(1))
    play.pool.is_full = True
    play.start()
    assert play.code == "no_endpoint"
    assert not play.context.balancer.is_ejected(endpoint(0), play.now)


@pytest.mark.parametrize(
    ("head", "lines", "repeated"),
    [
        ("GET / HTTP/1.1", (), True),
        ("PUT / HTTP/1.1", ("Content-Length: 3",), True),
        ("DELETE / HTTP/1.1", (), True),
        ("POST / HTTP/1.1", ("Content-Length: 3",), False),
        ("POST / HTTP/1.1", ("Content-Length: 3", "x-aether-idempotent: 1"), True),
        ("PATCH / HTTP/1.1", (), False),
    ],
)
def test_only_harmless_requests_are_sent_twice(
    head: str, lines: tuple[str, ...], repeated: bool
) -> None:
    play = Play(endpoint(0), endpoint(1), head=head, lines=lines).start()
    if lines:
        play.exchange.body(b"abc", done=True)
    connection, _ = play.connect()
    connection.connection_lost(None)
    if not repeated:
        assert play.code == "upstream_lost"
        return
    again, transport = play.connect()
    assert again.address != connection.address
    assert body_of(transport.take()) == (b"abc" if lines else b"")
    again.data_received(OK)
    assert play.code == "ok"


def test_a_client_from_outside_cannot_have_a_post_sent_twice() -> None:
    lines = ("x-aether-idempotent: 1",)
    play = Play(endpoint(0), endpoint(1), head="POST / HTTP/1.1", lines=lines, is_trusted=False)
    connection, _ = play.start().connect()
    connection.connection_lost(None)
    assert play.code == "upstream_lost"


def test_stale_connection_is_replaced_at_the_same_instance_by_a_fresh_one() -> None:
    play = Play(endpoint(0))
    stale, _ = opened("/0", served=5)
    another, _ = opened("/0", served=5)
    play.pool.idle["/0"] = [another, stale]
    play.start()
    stale.connection_lost(ConnectionResetError("reset"))
    assert not play.context.balancer.is_ejected(endpoint(0), play.now)
    fresh, _ = play.connect()
    fresh.data_received(OK)
    assert play.code == "ok"
    assert play.pool.idle["/0"] == [another], "no second stale one is risked"


def test_requests_that_kill_are_not_handed_round_for_ever() -> None:
    play = Play(*(endpoint(number) for number in range(9))).start()
    sends = 0
    while not play.asker.is_finished:
        connection, _ = play.connect()
        connection.connection_lost(None)
        sends += 1
    assert (play.code, sends) == ("upstream_lost", Limits().sends)


def test_body_too_long_to_keep_is_not_sent_twice() -> None:
    play = Play(endpoint(0), endpoint(1), head="PUT / HTTP/1.1", lines=("Content-Length: 300",))
    play.start()
    connection, transport = play.connect()
    play.exchange.body(b"x" * 150, done=False)
    assert body_of(transport.take()) == b"x" * 150
    connection.connection_lost(None)
    assert play.code == "upstream_lost"


def test_body_waits_for_a_connection_and_is_bounded_meanwhile() -> None:
    play = Play(endpoint(0), head="PUT / HTTP/1.1", lines=("Transfer-Encoding: chunked",)).start()
    play.exchange.body(b"x" * 50, done=False)
    assert not play.asker.is_body_held
    play.exchange.body(b"y" * 60, done=False)
    assert play.asker.is_body_held
    _, transport = play.connect()
    assert not play.asker.is_body_held
    play.exchange.body(b"", done=True)
    wire = b"32\r\n" + b"x" * 50 + b"\r\n3c\r\n" + b"y" * 60 + b"\r\n0\r\n\r\n"
    assert body_of(transport.take()) == wire


def test_nothing_of_a_body_is_kept_once_its_request_is_over() -> None:
    play = Play(endpoint(0), head="PUT / HTTP/1.1", lines=("Content-Length: 50",)).start()
    connection, _ = play.connect()
    play.exchange.body(b"x" * 50, done=True)
    connection.data_received(OK)
    assert play.code == "ok"
    assert play.exchange.bytes_in == 50
    assert not play.exchange._body.kept


def test_body_over_the_limit_ends_the_request() -> None:
    lines = ("Transfer-Encoding: chunked",)
    play = Play(endpoint(0), head="PUT / HTTP/1.1", lines=lines, body_limit=5).start()
    _, transport = play.connect()
    play.exchange.body(b"123456", done=False)
    assert play.code == "too_large"
    assert transport.is_aborted
    play.exchange.body(b"more", done=True)


def test_continue_is_said_once_an_instance_takes_the_request() -> None:
    lines = ("Content-Length: 2", "Expect: 100-continue")
    play = Play(endpoint(0), endpoint(1), head="PUT / HTTP/1.1", lines=lines).start()
    play.refuse()
    assert play.asker.written == b""
    connection, _ = play.connect()
    assert play.asker.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.connection_lost(None)
    play_again = play.code
    assert play_again == "upstream_lost", "the only other endpoint has been tried"


@pytest.mark.parametrize(
    ("refusal", "head", "elsewhere"),
    [
        ("not-here", "POST / HTTP/1.1", True),
        ("lost", "GET / HTTP/1.1", True),
        ("lost", "POST / HTTP/1.1", False),
    ],
)
def test_refusals_of_a_peer_router(refusal: str, head: str, elsewhere: bool) -> None:
    play = Play(endpoint(0, mesh=True), endpoint(1, mesh=True), head=head).start()
    connection, transport = play.connect()
    answer = f"HTTP/1.1 503 X\r\nx-aether-refused: {refusal}\r\nContent-Length: 0\r\n\r\n"
    connection.data_received(answer.encode())
    assert play.pool.kept == [connection]
    assert b"x-aether-instance: a:b:1.0.0/0" in transport.take()
    if not elsewhere:
        assert play.code == "upstream_lost"
        return
    second, transport = play.connect()
    second.data_received(OK)
    assert play.code == "ok"
    assert b"x-aether-instance: a:b:1.0.0/1" in transport.take()


def test_an_instance_cannot_refuse() -> None:
    play = Play(endpoint(0), endpoint(1)).start()
    connection, _ = play.connect()
    connection.data_received(
        b"HTTP/1.1 200 X\r\nx-aether-refused: lost\r\nContent-Length: 0\r\n\r\n"
    )
    assert play.code == "ok"
    assert b"refused" not in play.asker.written


def test_lost_after_the_answer_began_cuts_the_client() -> None:
    play = Play(endpoint(0), endpoint(1)).start()
    connection, _ = play.connect()
    connection.data_received(OK[:-1])
    connection.connection_lost(None)
    assert play.asker.is_aborted
    assert not play.asker.is_finished
    assert play.pool.asked == []


def test_answer_before_the_end_of_the_upload_costs_the_connection() -> None:
    play = Play(endpoint(0), head="PUT / HTTP/1.1", lines=("Content-Length: 9",)).start()
    connection, transport = play.connect()
    play.exchange.body(b"abc", done=False)
    connection.data_received(OK)
    assert play.code == "ok"
    assert play.pool.kept == []
    assert transport.is_aborted
    play.exchange.body(b"defghi", done=True)


def test_answer_of_unknown_length_is_chunked_for_http11_only() -> None:
    for version, end in (("1.1", b"3\r\nabc\r\n0\r\n\r\n"), ("1.0", b"\r\n\r\nabc")):
        play = Play(endpoint(0), head=f"GET / HTTP/{version}").start()
        connection, _ = play.connect()
        connection.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.data_received(b"abc")
        connection.connection_lost(None)
        assert play.code == "ok"
        assert play.asker.written.endswith(end)
        assert play.exchange.bytes_out == 3, "bytes of the body, without its framing"


def test_back_pressure_reaches_the_other_side() -> None:
    play = Play(endpoint(0), head="PUT / HTTP/1.1", lines=("Content-Length: 9",)).start()
    connection, transport = play.connect()
    connection.pause_writing()
    assert play.asker.is_body_held
    connection.resume_writing()
    assert not play.asker.is_body_held
    play.exchange.hold_answer(held=True)
    assert transport.is_reading_held
    slow = Play(endpoint(0)).start()
    slow.exchange.hold_answer(held=True)
    _, transport = slow.connect()
    assert transport.is_reading_held


@pytest.mark.parametrize(("slow", "status"), [(True, 408), (False, 504)])
def test_deadline_before_the_answer(slow: bool, status: int) -> None:
    play = Play(endpoint(0)).start()
    _, transport = play.connect()
    play.exchange.expire(client_is_slow=slow)
    assert play.asker.problem is not None
    assert play.asker.problem.status == status
    assert transport.is_aborted


def test_deadline_within_the_answer_cuts_the_client() -> None:
    play = Play(endpoint(0)).start()
    connection, _ = play.connect()
    connection.data_received(OK[:-1])
    play.exchange.expire(client_is_slow=False)
    assert play.asker.is_aborted


def test_a_client_that_leaves_is_no_error_of_the_slice() -> None:
    waiting = Play(endpoint(0)).start()
    waiting.connect()
    waiting.exchange.client_lost()
    assert waiting.exchange.status == 499
    streaming = Play(endpoint(0)).start()
    connection, _ = streaming.connect()
    connection.data_received(OK[:-1])
    streaming.exchange.client_lost()
    assert streaming.exchange.status == 200, "the head it was sent stands"
    counted = [one.statuses for play in (waiting, streaming) for one in counts_of(play)]
    assert counted == [(0, 0, 0, 0, 1, 0), (0, 0, 1, 0, 0, 0)]


def test_a_client_that_does_not_take_its_answer_is_no_error_of_the_slice() -> None:
    for client_is_slow, status in ((True, 200), (False, 0)):
        play = Play(endpoint(0)).start()
        connection, _ = play.connect()
        connection.data_received(OK[:-1])
        play.exchange.expire(client_is_slow=client_is_slow)
        assert (play.exchange.status, play.asker.is_aborted) == (status, True)


def counts_of(play: Play) -> list[SeriesCounts]:
    return list(play.context.observer.changed(10))


def test_client_that_left_frees_everything() -> None:
    play = Play(endpoint(0)).start()
    play.exchange.client_lost()
    connection, transport = play.connect()
    assert connection.receiver is None, "a connection that comes too late is the pool's"
    assert (transport.take(), play.in_flight) == (b"", 0)
    busy = Play(endpoint(0)).start()
    _, transport = busy.connect()
    busy.exchange.client_lost()
    assert transport.is_aborted
