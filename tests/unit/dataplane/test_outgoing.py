"""With which head a request is sent on."""

from aether.dataplane.heads import RequestReader
from aether.dataplane.outgoing import Outgoing
from aether.dataplane.tracing import Tracing
from aether.dataplane.upstream import UpstreamConnection
from tests.spans import TRACE
from tests.unit.dataplane.play import endpoint

PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
LINES = b"GET / HTTP/1.1\r\ntraceparent: " + PARENT.encode() + b"\r\n\r\n"


def outgoing(*lines: str, is_trusted: bool = False) -> Outgoing:
    made = Outgoing(Tracing(), is_trusted=is_trusted)
    made.read(
        RequestReader().read("\r\n".join(["GET / HTTP/1.1", "Host: h", *lines, "", ""]).encode())
    )
    return made


def connection() -> UpstreamConnection:
    return UpstreamConnection("/0", 10_000, lambda _: None)


def test_where_a_request_came_in_follows_from_its_trace_and_who_asks() -> None:
    assert outgoing().is_entry
    assert outgoing(is_trusted=True).is_entry, "it begins its trace here"
    assert outgoing(f"traceparent: {PARENT}").is_entry
    assert not outgoing(f"traceparent: {PARENT}", is_trusted=True).is_entry


def test_only_what_is_not_sampled_is_passed_on() -> None:
    assert outgoing(f"traceparent: {PARENT[:-2]}00").is_passed_on
    assert not outgoing(f"traceparent: {PARENT}").is_passed_on
    assert not outgoing().is_passed_on


def test_a_peer_is_told_the_instance_and_the_span_of_the_attempt() -> None:
    made = outgoing(f"traceparent: {PARENT}")
    kept = made.enter(PARENT.encode(), 1.0)
    assert kept == PARENT.encode()
    sent = made.to(connection(), endpoint(0, mesh=True), LINES)
    assert b"x-aether-instance: a:b:1.0.0/0\r\nx-aether-hops: 1\r\n\r\n" in sent
    assert PARENT.encode() not in sent
    assert TRACE.encode() in sent


def test_without_a_span_the_head_stays_as_it_is() -> None:
    assert outgoing().to(connection(), endpoint(0), LINES) == LINES


def test_of_a_later_version_only_what_is_known_is_kept() -> None:
    made = outgoing()
    assert made.enter(PARENT.encode() + b"-more", 1.0) == PARENT.encode()
