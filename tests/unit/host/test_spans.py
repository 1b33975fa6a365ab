"""What a host records: sampled work whole, the rest remembered for a while."""

import random

import pytest

from aether.core.tracing.span import Span
from aether.host import spans as module
from aether.host.spans import HostSpan, SpanRecorder

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Recording:
    """A recorder with clocks the test moves."""

    def __init__(self) -> None:
        self.now = 50.0
        self.recorder = SpanRecorder(
            "g:a:1.0.0/0",
            "g:a",
            now=lambda: self.now,
            wall=lambda: 1000.0 + self.now,
            dice=random.Random(1),
        )

    def begin(self, flags: str = "01", trace: str = TRACE) -> HostSpan:
        span = self.recorder.begin("GET", b"/x", f"00-{trace}-{PARENT}-{flags}".encode())
        assert span is not None
        return span

    def taken(self) -> list[Span]:
        return list(self.recorder.take(100))


@pytest.fixture
def recording() -> Recording:
    return Recording()


def test_a_sampled_request_is_shipped_with_its_parts(recording: Recording) -> None:
    request = recording.begin()
    call = request.open("g:b.go", "call")
    part = call.open("think", "anything")
    recording.now += 2.0
    part.close()
    call.close("CallFailed: no")
    recording.recorder.handled(request, 200)
    inner, asked, whole = recording.taken()
    assert (whole.kind, whole.name, whole.parent) == ("handle", "GET /x", PARENT)
    assert (whole.began, whole.seconds, whole.status) == (1050.0, 2.0, 200)
    assert (asked.kind, asked.parent, asked.problem) == ("call", whole.id, "CallFailed: no")
    assert (inner.kind, inner.parent) == ("part", asked.id)
    assert {each.trace for each in (inner, asked, whole)} == {TRACE}
    assert (whole.process, whole.slice) == ("g:a:1.0.0/0", "g:a")
    assert request.traceparent == f"00-{TRACE}-{whole.id}-01"


def test_what_is_not_sampled_is_shipped_when_it_is_asked_for(recording: Recording) -> None:
    request = recording.begin("00")
    assert request.traceparent.endswith("-00")
    request.open("part").close()
    recording.recorder.handled(request, 500)
    assert recording.taken() == []
    recording.recorder.ask(["f" * 32, TRACE])
    (told,) = recording.taken()
    assert (told.id, told.status, told.parent) == (request.span_id, 500, PARENT)
    recording.recorder.ask([TRACE])
    assert recording.taken() == [], "once is enough"


def test_what_ends_after_it_was_asked_for_is_shipped_too(recording: Recording) -> None:
    request = recording.begin("00")
    recording.recorder.ask([TRACE])
    recording.recorder.handled(request, 0)
    (told,) = recording.taken()
    assert told.problem == "no answer"


def test_only_the_last_requests_are_remembered(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    recorder = SpanRecorder()
    for number in range(4):
        span = recorder.begin("GET", b"/", f"00-{number:032x}-{PARENT}-00".encode())
        assert span is not None
        recorder.handled(span, 200)
    recorder.ask([f"{number:032x}" for number in range(4)])
    assert [span.trace for span in recorder.take(9)] == [f"{2:032x}", f"{3:032x}"]


def test_what_nobody_takes_is_dropped_and_counted(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    for _ in range(5):
        recording.recorder.handled(recording.begin(), 200)
    assert len(recording.taken()) == 3
    assert recording.recorder.dropped == 2


def test_what_was_dropped_is_told_once(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    for _ in range(3):
        recording.recorder.handled(recording.begin(), 200)
    assert [recording.recorder.take_dropped() for _ in range(2)] == [2, 0]


def test_the_first_span_rings_once_until_somebody_listens_anew(recording: Recording) -> None:
    rings: list[int] = []
    recorder = recording.recorder
    recorder.listen(lambda: rings.append(1))
    recorder.handled(recording.begin("00"), 200)
    assert not rings, "what is only remembered is not shipped"
    for _ in range(3):
        recorder.handled(recording.begin(), 200)
    assert len(rings) == 1
    recorder.listen(lambda: rings.append(1))
    assert len(rings) == 2, "what waits already is told of at once"
    recording.taken()
    recorder.listen(lambda: rings.append(1))
    assert len(rings) == 2


def test_a_request_without_a_trace_has_no_span(recording: Recording) -> None:
    assert recording.recorder.begin("GET", b"/", b"") is None


def test_a_long_path_is_cut(recording: Recording) -> None:
    span = recording.recorder.begin("GET", b"/" + b"x" * 5000, f"00-{TRACE}-{PARENT}-01".encode())
    assert span is not None
    recording.recorder.handled(span, 200)
    assert len(recording.taken()[0].name) == 200
