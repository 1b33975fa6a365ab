"""What is written down of requests, from the connection they came by."""

from pathlib import Path

from aether.dataplane.access_log import Access, AccessLog, AccessLogSettings
from aether.dataplane.routing import Listener
from tests.unit.dataplane.test_downstream import GET, Rig

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Kept(AccessLog):
    """A log that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(Path("unused"), AccessLogSettings(sample=1.0), lambda: 0.0)
        self.kept: list[Access] = []

    def add(self, access: Access) -> None:
        self.kept.append(access)


def logged(listener: Listener, *requests: bytes) -> list[Access]:
    rig = Rig(listener)
    rig.context.access_log = log = Kept()
    rig.client, rig.transport = rig.connect(listener)
    for request in requests:
        rig.feed(request)
    return log.kept


def test_a_request_nobody_could_take_is_written_down_once() -> None:
    (access,) = logged(Listener.PUBLIC, GET.replace(b"/x", b"/x?secret=1"))
    assert (access.method, access.path, access.host, access.status) == ("GET", "/x", "h", 503)
    assert (access.route, access.slice, access.instance) == ("* /x", "a:b", "")
    assert (access.client, access.retries) == ("10.0.0.1", 0)
    assert len(access.trace_id) == 32
    assert "secret" not in repr(access)


def test_trace_and_request_id_are_those_of_the_client() -> None:
    lines = f"Traceparent: {PARENT}\r\nX-Request-Id: mine\r\n\r\n".encode()
    (access,) = logged(Listener.PUBLIC, GET[:-2] + lines)
    assert (access.trace_id, access.request_id) == (PARENT[3:35], "mine")


def test_what_the_router_answers_itself_is_written_down() -> None:
    unknown, broken = logged(Listener.PUBLIC, GET.replace(b"/x", b"/y"), b"rubbish\r\n\r\n")
    assert (unknown.status, unknown.path, unknown.route) == (404, "/y", "")
    assert (broken.status, broken.path, broken.client) == (400, "", "10.0.0.1")


def test_another_router_has_written_it_down_already() -> None:
    assert logged(Listener.MESH, GET) == []


def test_a_client_that_leaves_is_written_down() -> None:
    rig = Rig()
    rig.context.access_log = log = Kept()
    rig.client, rig.transport = rig.connect()
    rig.feed(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n")
    rig.client.connection_lost(None)
    assert [access.status for access in log.kept] == [503]
