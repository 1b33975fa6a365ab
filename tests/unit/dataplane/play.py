"""An exchange under way, with the pool and the client played by the test."""

from typing import cast

from aether.core.dataplane.balance import Balancer
from aether.core.dataplane.table import Endpoint, RouteRow, SlicePolicy, Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.context import Context
from aether.dataplane.exchange import Exchange
from aether.dataplane.heads import RequestReader
from aether.dataplane.limits import Limits
from aether.dataplane.pool import Pool
from aether.dataplane.routing import Forward, Routing
from aether.dataplane.upstream import Receiver, UpstreamConnection
from tests.unit.dataplane.fakes import Asker, Transport

BASE = SliceBase("a:b")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def endpoint(number: int, *, mesh: bool = False) -> Endpoint:
    return Endpoint(
        instance=InstanceId(f"a:b:1.0.0/{number}"),
        slice=BASE,
        node=NodeId("far" if mesh else "here"),
        socket="" if mesh else f"/{number}",
        mesh=f"127.0.0.1:{number + 1}" if mesh else "",
    )


class ScriptedPool:
    """Hands out connections when the test says so."""

    def __init__(self) -> None:
        self.idle: dict[str, list[UpstreamConnection]] = {}
        self.asked: list[UpstreamConnection] = []
        self.kept: list[UpstreamConnection] = []
        self.is_full = False

    def take_idle(self, address: str) -> UpstreamConnection | None:
        idle = self.idle.get(address)
        return idle.pop() if idle else None

    def connect(self, address: str, receiver: Receiver) -> UpstreamConnection | None:
        if self.is_full:
            return None
        made = UpstreamConnection(address, 10_000, lambda _: None)
        made.receiver = receiver
        self.asked.append(made)
        return made

    def put(self, connection: UpstreamConnection, now: float) -> None:
        self.kept.append(connection)


class Play:
    """An exchange under way."""

    def __init__(
        self,
        *endpoints: Endpoint,
        head: str = "GET / HTTP/1.1",
        lines: tuple[str, ...] = (),
        is_mesh: bool = False,
        is_trusted: bool = True,
        body_limit: int = 1_000_000,
        row: RouteRow | None = None,
        policy: SlicePolicy | None = None,
    ) -> None:
        self.pool = ScriptedPool()
        self.now = 100.0
        self.endpoints = endpoints
        balancer = Balancer()
        balancer.configure(() if policy is None else (policy,), endpoints, 100.0)
        self.context = Context(
            routing=Routing(Table(revision=0, node=NodeId("here"), instances=endpoints)),
            balancer=balancer,
            pool=cast("Pool", self.pool),
            limits=Limits(replay_bytes=100),
            now=lambda: self.now,
            revision=lambda: 0,
        )
        self.asker = Asker()
        data = "\r\n".join([head, "Host: h", "traceparent: " + TRACE, *lines, "", ""]).encode()
        self.head = RequestReader().read(data)
        self.forward = Forward(BASE, endpoints, 5.0, body_limit, row=row, policy=policy)
        self.exchange = Exchange(self.context, self.asker, is_mesh=is_mesh, is_trusted=is_trusted)

    def start(self) -> "Play":
        self.exchange.begin(self.head, self.forward, "id", self.context.now())
        return self

    def connect(self, served: int = 0) -> tuple[UpstreamConnection, Transport]:
        """Let the latest attempt to connect succeed."""
        connection, transport = self.pool.asked.pop(), Transport()
        connection.connection_made(transport)
        connection.served = served
        if connection.receiver is not None:
            connection.receiver.connected(connection)
        return connection, transport

    def refuse(self) -> str:
        """Let the latest attempt to connect fail."""
        connection = self.pool.asked.pop()
        receiver = connection.receiver
        connection.abandon()
        assert receiver is not None
        receiver.not_connected(connection, "nobody listens")
        return connection.address

    @property
    def code(self) -> str:
        assert self.asker.is_finished
        assert self.in_flight == 0, "a request is counted that is over"
        return self.asker.problem.code if self.asker.problem else "ok"

    @property
    def in_flight(self) -> int:
        return sum(self.context.balancer.in_flight(each) for each in self.endpoints)


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def opened(address: str, served: int = 0) -> tuple[UpstreamConnection, Transport]:
    connection, transport = UpstreamConnection(address, 10_000, lambda _: None), Transport()
    connection.connection_made(transport)
    connection.served = served
    return connection, transport
