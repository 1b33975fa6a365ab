"""The attempts of one request: begun, overtaken, ended, and each counted once."""

from structlog.testing import capture_logs

from aether.core.dataplane.balance import Choice, Outcome, Refusal
from aether.core.dataplane.table import SlicePolicy, Table
from aether.core.model.ids import NodeId
from aether.dataplane.attempts import Attempts
from aether.dataplane.routing import Routing
from aether.dataplane.tracing import RequestTrace
from aether.dataplane.upstream import UpstreamConnection
from tests.spans import TRACE
from tests.unit.dataplane.play import BASE, Play, endpoint, opened

PARENT = f"00-{TRACE}-b7ad6b7169203331-01".encode()
LINES = b"GET / HTTP/1.1\r\ntraceparent: " + PARENT + b"\r\n\r\n"


class Tries:
    """Attempts of a request that may go to some endpoints."""

    def __init__(self, *numbers: int, concurrency: int = 0, may_renew: bool = True) -> None:
        endpoints = [endpoint(number) for number in numbers]
        policy = SlicePolicy(slice=BASE, concurrency=concurrency)
        self.play = Play(*endpoints, policy=policy)
        self.attempts = Attempts(self.play.context, self.play.exchange, may_renew=may_renew)
        self.attempts.begin(Choice(BASE, tuple(endpoints)))

    def take(self) -> UpstreamConnection:
        taken = self.attempts.take(self.play.now)
        assert isinstance(taken, UpstreamConnection)
        return taken


def test_a_kept_connection_is_used_before_one_is_opened() -> None:
    tries = Tries(0)
    kept, _ = opened("/0", served=1)
    tries.play.pool.idle["/0"] = [kept]
    taken = tries.take()
    assert taken is kept
    assert taken.receiver is None, "the request can be written at once"
    assert (taken.endpoint, tries.play.in_flight) == (endpoint(0), 1)
    tries.attempts.fresh_only = True
    tries.play.pool.idle["/0"] = [opened("/0", served=1)[0]]
    assert tries.take().is_opening


def test_an_attempt_is_released_once_however_often_it_is_asked_to() -> None:
    tries = Tries(0)
    taken = tries.take()
    for _ in range(3):
        tries.attempts.release(taken, Outcome.OK, tries.play.now)
    assert tries.play.in_flight == 0


def test_nobody_left_differs_from_nobody_free() -> None:
    tries = Tries(0, concurrency=1)
    tries.take()
    assert tries.attempts.take(tries.play.now) is Refusal.BUSY
    tries.attempts.pass_over(endpoint(0))
    assert tries.attempts.take(tries.play.now) is None
    assert not tries.attempts.has_untried()


def test_endpoints_of_a_newer_table_are_taken_where_that_is_allowed() -> None:
    for may_renew in (True, False):
        tries = Tries(0, may_renew=may_renew)
        newer = Table(revision=1, node=NodeId("here"), instances=(endpoint(1),))
        tries.play.context.routing = Routing(newer)
        tries.play.context.balancer.configure((), newer.instances, tries.play.now)
        taken = tries.attempts.take(tries.play.now)
        assert (taken is not None) is may_renew


def test_the_one_that_is_answered_first_stays_and_the_other_is_ended() -> None:
    for second_wins in (False, True):
        tries = Tries(0, 1)
        attempts, now = tries.attempts, tries.play.now
        first = attempts.connection = tries.take()
        second = attempts.take_second(now)
        assert second is not None
        assert second.address != first.address
        assert not attempts.is_alone
        assert tries.play.in_flight == 2
        winner, loser = (second, first) if second_wins else (first, second)
        attempts.settle(winner, now)
        assert attempts.connection is winner
        assert attempts.is_alone
        assert (loser.receiver, loser.endpoint) == (None, None)
        assert tries.play.in_flight == 1


def test_a_failed_attempt_leaves_the_other_one() -> None:
    tries = Tries(0, 1)
    attempts = tries.attempts
    first = attempts.connection = tries.take()
    second = attempts.take_second(tries.play.now)
    assert attempts.failed(first)
    assert (attempts.connection, attempts.rival) == (second, None)
    assert second is not None
    assert not attempts.failed(second)


def test_the_end_leaves_connections_that_open_to_the_pool() -> None:
    tries = Tries(0, 1)
    attempts = tries.attempts
    kept, transport = opened("/0")
    tries.play.pool.idle = {"/0": [kept]}
    attempts.connection = tries.take()
    second = attempts.take_second(tries.play.now)
    assert second is not None
    attempts.end(Outcome.CANCELLED, tries.play.now)
    assert transport.is_aborted
    assert second.is_opening
    assert second.receiver is None
    assert tries.play.in_flight == 0


def test_a_peer_is_told_the_instance_and_the_span_of_the_attempt() -> None:
    tries, peer = Tries(0), opened("/0")[0]
    tries.attempts.record(RequestTrace(TRACE.encode(), "a" * 16, lambda: "b" * 16))
    sent = tries.attempts.lines_for(peer, endpoint(0, mesh=True), LINES)
    assert b"x-aether-instance: a:b:1.0.0/0\r\nx-aether-hops: 1\r\n\r\n" in sent
    assert PARENT not in sent
    assert f"traceparent: 00-{TRACE}-{'b' * 16}-01\r\n".encode() in sent


def test_without_a_span_the_head_stays_as_it_is() -> None:
    assert Tries(0).attempts.lines_for(opened("/0")[0], endpoint(0), LINES) == LINES


def test_there_is_nothing_to_tell_until_something_failed_and_then_all_that_follows() -> None:
    tries = Tries(0, 1)
    tries.attempts.release(tries.take(), Outcome.OK, tries.play.now)
    assert tries.attempts.past is None
    for outcome in (Outcome.FAILED, Outcome.OK):
        tries.attempts.release(tries.take(), outcome, tries.play.now)
    trace, past = tries.attempts.take_told()
    assert trace is None
    assert [each.outcome for each in past] == [Outcome.FAILED, Outcome.OK]
    assert tries.attempts.take_told() == (None, ()), "the next request begins with nothing"


def test_a_request_that_is_ended_is_told_of_though_nobody_was_asked() -> None:
    tries = Tries()
    tries.attempts.end(Outcome.FAILED, tries.play.now)
    assert tries.attempts.past == ()


def test_what_is_logged_of_a_request_names_its_trace() -> None:
    play = Play(endpoint(0), endpoint(1), head="POST / HTTP/1.1")
    with capture_logs() as logs:
        for _ in range(10):
            play.start()
            while play.asker.problem is None:
                play.refuse()
            if play.context.balancer.is_ejected(endpoint(0), play.now):
                break
    assert {line["event"] for line in logs} == {"attempt failed", "endpoint is set aside"}
    assert {line["trace_id"] for line in logs} == {play.exchange.trace_id}
    assert len(play.exchange.trace_id) == 32
    assert logs[0]["reason"] == "nobody listens"
    assert logs[0]["to_node"] == endpoint(0).node


def test_an_answer_that_is_cut_short_names_its_trace() -> None:
    play = Play(endpoint(0)).start()
    connection, _ = play.connect()
    connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
    with capture_logs() as logs:
        connection.connection_lost(None)
    (line,) = [each for each in logs if each["event"] == "answer cut short"]
    assert (line["trace_id"], line["log_level"]) == (play.exchange.trace_id, "warning")
