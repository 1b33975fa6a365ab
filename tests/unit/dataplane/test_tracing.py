"""What a router records: requests sampled, failed, slow, and those between slices for a while."""

import msgspec
import pytest

from aether.core.tracing.sampling import TracingSettings
from aether.core.tracing.span import ENTRY, KEPT, Span
from aether.dataplane import tracing as module
from aether.dataplane.heads import RequestReader
from aether.dataplane.tracing import Tracing
from aether.frames import HEADER, unpack
from tests.spans import TRACE
from tests.unit.dataplane.play import OK, Play, endpoint

PARENT = "b7ad6b7169203331"
ERROR = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
MADE = "made"


def play(flags: str, *endpoints: int, is_trusted: bool = False, is_mesh: bool = False) -> Play:
    """Begin a request with a `traceparent` of these flags; with `MADE`, without any."""
    made = Play(
        *(endpoint(number) for number in endpoints or (0,)),
        is_trusted=is_trusted,
        is_mesh=is_mesh,
    )
    lines = [] if flags == MADE else [f"traceparent: 00-{TRACE}-{PARENT}-{flags}"]
    data = "\r\n".join(["GET /p HTTP/1.1", "Host: h", *lines, "", ""]).encode()
    made.head = RequestReader().read(data)
    return made.start()


def again(made: Play) -> None:
    """Have the client make the same request once more."""
    made.asker.is_finished = False
    made.start()


def shipped(made: Play) -> list[Span]:
    """Return the spans the router would ship now."""
    found: list[Span] = []
    for frame in made.context.tracing.frames():
        message = unpack(frame[HEADER.size :])
        assert message["op"] == "spans"
        found += msgspec.convert(message["spans"], list[Span])
    return found


def answer(made: Play, data: bytes = OK, seconds: float = 0.1) -> bytes:
    """Answer the attempt under way; return what the instance was sent."""
    connection, transport = made.connect()
    made.now += seconds
    sent = transport.take()
    connection.data_received(data)
    return sent


def test_a_sampled_request_leaves_itself_and_its_attempt() -> None:
    made = play("01")
    sent = answer(made)
    request, attempt = shipped(made)
    assert (request.trace, request.parent, request.status) == (TRACE, PARENT, 200)
    assert request.is_entry
    assert request.seconds == pytest.approx(0.1)
    assert (request.to, request.to_node, request.name) == ("a:b:1.0.0/0", "here", "GET /p")
    assert (attempt.kind, attempt.parent, attempt.status) == ("attempt", request.id, 200)
    assert sent.endswith(f"traceparent: 00-{TRACE}-{attempt.id}-01\r\n\r\n".encode())
    assert sent.count(b"traceparent") == 1


def test_attempts_stand_side_by_side_and_each_tells_its_own_id() -> None:
    made = play("01", 0, 1)
    made.refuse()
    sent = answer(made)
    request, lost, done = shipped(made)
    assert {lost.parent, done.parent} == {request.id}
    assert (lost.problem, done.problem) == ("nobody listens", "")
    assert done.id.encode() in sent
    assert lost.id != done.id


def test_between_slices_a_sampled_request_is_no_entry() -> None:
    for is_mesh in (False, True):
        made = play("01", is_trusted=True, is_mesh=is_mesh)
        answer(made)
        request, attempt = shipped(made)
        assert not request.is_entry
        assert (request.parent, attempt.parent) == (PARENT, request.id)


def test_a_request_that_is_not_sampled_leaves_nothing() -> None:
    made = play("00")
    sent = answer(made)
    assert shipped(made) == []
    assert f"traceparent: 00-{TRACE}-{PARENT}-00\r\n".encode() in sent


def test_a_new_trace_is_sampled_by_its_share() -> None:
    made = Play(endpoint(0), is_trusted=False)
    for share in (1.0, 0.0):
        made.context.tracing.use(TracingSettings(share))
        made.head = RequestReader().read(b"GET /p HTTP/1.1\r\nHost: h\r\n\r\n")
        again(made)
        sent = answer(made)
        spans = shipped(made)
        assert [span.kind for span in spans] == (["request", "attempt"] if share else [])
        assert sent.endswith(b"-01\r\n\r\n" if share else b"-00\r\n\r\n")
        assert all(not span.parent for span in spans if span.is_entry)


def test_a_failure_is_kept_though_not_sampled_and_hosts_hang_below_it() -> None:
    made = play(MADE)
    made.context.tracing.use(TracingSettings(0.0))
    sent = answer(made, ERROR)
    (request,) = shipped(made)
    assert (request.status, request.marks, request.parent) == (503, ENTRY | KEPT, "")
    assert f"-{request.id}-0".encode() in sent


def test_a_failure_with_a_parent_of_the_clients_names_it() -> None:
    made = play("00")
    answer(made, ERROR)
    (request,) = shipped(made)
    assert (request.parent, request.marks) == (PARENT, ENTRY | KEPT)
    assert request.id != PARENT


def test_a_request_whose_answer_never_came_tells_of_its_attempts() -> None:
    made = play("00", 0, 1)
    made.refuse()
    made.refuse()
    request, first, second = shipped(made)
    assert request.status == 503
    assert (first.problem, second.problem) == ("nobody listens", "nobody listens")
    assert {first.parent, second.parent} == {request.id}


def test_a_request_nobody_could_be_asked_is_kept() -> None:
    made = Play(is_trusted=False)
    made.context.tracing.use(TracingSettings(0.0))
    made.head = RequestReader().read(b"GET /p HTTP/1.1\r\nHost: h\r\n\r\n")
    for _ in range(2):
        again(made)
        (request,) = shipped(made)
        assert (request.status, request.marks, request.to) == (503, ENTRY | KEPT, "")


def test_what_was_told_of_a_request_is_not_told_of_the_next() -> None:
    made = play("01", 0, 1)
    made.refuse()
    answer(made)
    assert len(shipped(made)) == 3
    made.head = RequestReader().read(b"GET /p HTTP/1.1\r\nHost: h\r\n\r\n")
    made.context.tracing.use(TracingSettings(0.0))
    again(made)
    made.refuse()
    answer(made)
    assert shipped(made) == [], "a second try that went well is nothing to tell"
    again(made)
    answer(made, ERROR)
    assert [span.kind for span in shipped(made)] == ["request"]


def test_a_client_that_leaves_is_no_failure_to_keep() -> None:
    made = play("00")
    made.connect()
    made.exchange.client_lost()
    assert shipped(made) == []
    sampled = play("01")
    sampled.connect()
    sampled.exchange.client_lost()
    request, attempt = shipped(sampled)
    assert (request.status, request.problem, attempt.problem) == (499, "", "cancelled")


def test_the_second_attempt_of_a_slow_request_is_told_though_it_went_well() -> None:
    made = play("00", 0, 1)
    made.refuse()
    answer(made, seconds=1.5)
    request, lost, done = shipped(made)
    assert (request.status, request.marks) == (200, ENTRY | KEPT)
    assert (lost.problem, done.problem, done.status) == ("nobody listens", "", 200)


def test_slow_is_what_the_rule_for_calls_says_or_a_time_of_its_own() -> None:
    made = play("00")
    answer(made, seconds=1.5)
    assert [span.marks for span in shipped(made)] == [ENTRY | KEPT]
    made = play("00")
    made.context.tracing.use(TracingSettings(0.0, 5.0))
    answer(made, seconds=1.5)
    assert shipped(made) == []
    made = play("00")
    made.context.tracing.use(TracingSettings(0.0, 0.05))
    answer(made, seconds=0.06)
    assert len(shipped(made)) == 1


def test_a_request_between_slices_is_remembered_until_it_is_asked_for() -> None:
    made = play("00", is_trusted=True)
    answer(made, ERROR)
    assert shipped(made) == []
    assert made.context.tracing.take({"op": "traces", "asked": ["f" * 32, TRACE, 5]})
    (request,) = shipped(made)
    assert (request.parent, request.status, request.marks) == (PARENT, 503, 0)
    again(made)
    answer(made)
    assert len(shipped(made)) == 1, "what ends later is shipped too"


def test_clients_cannot_have_everything_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAMPLED_BURST", 1)
    tracing = Tracing()
    parent = f"00-{TRACE}-{PARENT}-01".encode()
    assert tracing.enter(parent, 5.0, is_entry=True, is_new=False) is not None
    assert tracing.enter(parent, 5.0, is_entry=True, is_new=False) is None
    assert tracing.enter(parent, 5.0, is_entry=False, is_new=False) is not None
    made = play("01")
    answer(made, seconds=0.0)
    again(made)
    sent = answer(made, seconds=0.0)
    assert len(shipped(made)) == 2
    assert sent.endswith(f"traceparent: 00-{TRACE}-{PARENT}-00\r\n\r\n".encode())


def test_when_all_fail_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT_BURST", 2)
    made = play("00")
    answer(made, ERROR, 0.0)
    for _ in range(4):
        again(made)
        answer(made, ERROR, 0.0)
    assert len(shipped(made)) == 2
    assert made.context.tracing.counts()["unkept"] == 3


def test_what_the_node_does_not_take_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    made = play("01")
    answer(made)
    again(made)
    answer(made)
    assert len(shipped(made)) == 2
    assert made.context.tracing.counts()["dropped"] == 2


def test_messages_of_the_node() -> None:
    tracing = Tracing()
    assert not tracing.has_settings
    assert tracing.take({"op": "tracing", "sample": 1.0, "slow_s": 2.0})
    assert (tracing.has_settings, tracing.slow_s) == (True, 2.0)
    assert tracing.traces.new().endswith(b"-01")
    assert not tracing.take({"op": "table"})
    assert not tracing.take(None)
