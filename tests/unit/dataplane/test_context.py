"""What the connections of one router share is not shared with another router."""

from aether.core.dataplane.balance import Balancer
from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane.context import Context
from aether.dataplane.downstream import ClientConnection
from aether.dataplane.limits import Limits
from aether.dataplane.pool import Pool
from aether.dataplane.routing import Listener, Routing
from tests.unit.dataplane.fakes import Transport


def context() -> Context:
    limits = Limits(clients=1)
    return Context(
        routing=Routing(Table(revision=0, node=NodeId("n1"))),
        balancer=Balancer(),
        pool=Pool(limits, lambda: 0.0),
        limits=limits,
        now=lambda: 0.0,
        revision=lambda: 0,
    )


def test_clients_are_counted_per_router_and_turned_away_over_the_limit() -> None:
    one, other = context(), context()
    transports = []
    for place in (one, one, other):
        transports.append(Transport())
        ClientConnection(place, Listener.PUBLIC).connection_made(transports[-1])
    assert (len(one.clients), len(other.clients)) == (2, 1)
    assert [each.written[9:12] for each in transports] == [b"", b"503", b""]
