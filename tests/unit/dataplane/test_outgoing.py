"""With which head a request is sent on."""

from aether.dataplane.attempts import Attempts
from aether.dataplane.heads import RequestReader
from aether.dataplane.outgoing import Outgoing
from aether.dataplane.tracing import Tracing
from tests.spans import TRACE
from tests.unit.dataplane.play import Play, endpoint

PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def outgoing(*lines: str, is_trusted: bool = False) -> Outgoing:
    made = Outgoing(Tracing(), is_trusted=is_trusted)
    made.read(
        RequestReader().read("\r\n".join(["GET / HTTP/1.1", "Host: h", *lines, "", ""]).encode())
    )
    return made


def attempts() -> Attempts:
    play = Play(endpoint(0))
    return Attempts(play.context, play.exchange, may_renew=False)


def test_where_a_request_came_in_follows_from_its_trace_and_who_asks() -> None:
    assert outgoing().is_entry
    assert outgoing(is_trusted=True).is_entry, "it begins its trace here"
    assert outgoing(f"traceparent: {PARENT}").is_entry
    assert not outgoing(f"traceparent: {PARENT}", is_trusted=True).is_entry


def test_only_what_is_not_sampled_is_passed_on() -> None:
    assert outgoing(f"traceparent: {PARENT[:-2]}00").is_passed_on
    assert not outgoing(f"traceparent: {PARENT}").is_passed_on
    assert not outgoing().is_passed_on


def test_what_is_sampled_is_recorded_and_keeps_its_trace() -> None:
    made, of = outgoing(f"traceparent: {PARENT}"), attempts()
    assert made.enter(PARENT.encode(), of, 1.0) == PARENT.encode()
    assert of.trace is not None


def test_of_a_later_version_only_what_is_known_is_kept() -> None:
    made = outgoing()
    assert made.enter(PARENT.encode() + b"-more", attempts(), 1.0) == PARENT.encode()
