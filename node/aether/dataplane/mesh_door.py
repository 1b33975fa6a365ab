"""Who may ask by the mesh: routers whose certificate names a node of the cluster's table.

A node that has just joined may ask before this router has the table that names it: its connection
is held for a moment, read by nobody. Nodes that leave the table lose the connections they have.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import cast

import structlog

from aether.core.model.ids import NodeId, parse_node_id
from aether.core.model.node_certificate import nodes_named
from aether.dataplane.context import Client
from aether.dataplane.downstream import ClientConnection
from aether.dataplane.forwarding import new_request_id
from aether.dataplane.problems import render, unknown_node
from aether.dataplane.seldom import Seldom

HOLD_S = 1.0
"""Longest wait for a table that names a node: four times what tables take to come to every router."""
MOST_HELD = 64
"""Connections held at a time; one more is refused at once."""
LINGER_S = 1.0
"""Longest time for whoever is refused to read why: closing at once could take the answer away."""
_NAMES_LOGGED = 16

log = structlog.get_logger()


class MeshDoor:
    """Which nodes may ask, who waits to be let in, and who is inside."""

    def __init__(self, grace_s: float) -> None:
        """Give requests in flight `grace_s` seconds when their node leaves the table."""
        self._grace_s = grace_s
        self._peers: frozenset[NodeId] = frozenset()
        self._held: dict[Threshold, None] = {}
        self._inside: dict[Client, frozenset[NodeId]] = {}
        self._prune_at = MOST_HELD
        self._seldom = Seldom()
        self.refused = 0
        """Connections refused since the start."""

    def admits(self, nodes: frozenset[NodeId]) -> bool:
        """Whether one of the nodes is of the cluster; every node is as long as no table says."""
        return bool(nodes) and (not self._peers or not self._peers.isdisjoint(nodes))

    def know(self, peers: Iterable[NodeId]) -> None:
        """Take from a table which nodes there are."""
        self._peers = frozenset(peers)
        for threshold in [each for each in self._held if self.admits(each.nodes)]:
            del self._held[threshold]
            threshold.enter()
        for client in [each for each, nodes in self._inside.items() if not self.admits(nodes)]:
            self._put_out(client, self._inside.pop(client))

    def hold(self, threshold: "Threshold") -> bool:
        """Keep a connection until its node is known; False when too many are kept."""
        if len(self._held) >= MOST_HELD:
            return False
        self._held[threshold] = None
        return True

    def forget(self, threshold: "Threshold") -> None:
        """Hold a connection no longer."""
        self._held.pop(threshold, None)

    def entered(
        self, client: Client, nodes: frozenset[NodeId], clients: Collection[Client]
    ) -> None:
        """Remember who is inside; `clients` are the router's present connections."""
        if len(self._inside) >= self._prune_at:
            self._inside = {each: its for each, its in self._inside.items() if each in clients}
            self._prune_at = MOST_HELD + 2 * len(self._inside)
        self._inside[client] = nodes

    def note_refusal(self, names: Iterable[str]) -> None:
        """Count and log one that is not let in."""
        self.refused += 1
        named = ", ".join(sorted(names)) or "no node"
        if self._seldom.is_due(named, asyncio.get_running_loop().time()):
            expected = ", ".join(sorted(self._peers)[:_NAMES_LOGGED]) or "any node"
            log.warning(
                "a router is refused: its certificate names no node of the cluster",
                named=named,
                expected=expected,
                nodes=len(self._peers),
            )

    def note_failure(self, problem: Exception) -> None:
        """Log a handshake that came to nothing: among routers it means a wrong or old certificate."""
        why = getattr(problem, "verify_message", "") or getattr(problem, "reason", "")
        said = str(why) or str(problem) or type(problem).__name__
        if self._seldom.is_due(said, asyncio.get_running_loop().time()):
            log.warning("a router is refused: its TLS handshake failed", problem=said)

    def counts(self) -> dict[str, int]:
        """Return what the router's health shows."""
        return {"held_peers": len(self._held), "refused_peers": self.refused}

    def _put_out(self, client: Client, nodes: frozenset[NodeId]) -> None:
        log.info("a node has left: its connections end", left=", ".join(sorted(nodes)))
        client.drain()
        asyncio.get_running_loop().call_later(self._grace_s, client.abort)

    def close(self) -> None:
        """End the connections that are held."""
        while self._held:
            self._held.popitem()[0].abort()


class Threshold(asyncio.Protocol):
    """One connection from its handshake until it is let in or gone: nothing of it is read as HTTP."""

    def __init__(
        self,
        door: MeshDoor,
        clients: Collection[Client],
        protocol: Callable[[], ClientConnection],
    ) -> None:
        self._door = door
        self._clients = clients
        self._protocol = protocol
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._names: frozenset[str] = frozenset()
        self.nodes: frozenset[NodeId] = frozenset()
        """Nodes its certificate names."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._names = nodes_named(transport.get_extra_info("peercert") or {})
        self.nodes = frozenset(NodeId(name) for name in self._names if _is_node(name))
        if self._door.admits(self.nodes):
            self._go_in(self._transport)
        elif not self.nodes:
            self._door.note_refusal(self._names)
            self._transport.abort()
        elif self._door.hold(self):
            self._transport.pause_reading()
            self._deadline = asyncio.get_running_loop().call_later(HOLD_S, self._refuse)
        else:
            self._refuse()

    def enter(self) -> None:
        """Let in one that was held."""
        self._stop_clock()
        transport = self._transport
        if transport is not None and not transport.is_closing():
            self._go_in(transport)
            transport.resume_reading()

    def _go_in(self, transport: asyncio.Transport) -> None:
        within = self._protocol()
        transport.set_protocol(within)
        self._door.entered(within, self.nodes, self._clients)
        within.connection_made(transport)

    def _refuse(self) -> None:
        """Say why, so that the request goes elsewhere, and hang up."""
        door, transport = self._door, self._transport
        door.forget(self)
        door.note_refusal(self._names)
        if transport is None or transport.is_closing():
            return
        problem = unknown_node(", ".join(sorted(self.nodes)))
        transport.write(render(problem, new_request_id(), body_wanted=True, close=True))
        transport.resume_reading()
        self._deadline = asyncio.get_running_loop().call_later(LINGER_S, self.abort)

    def abort(self) -> None:
        """Hang up at once."""
        self._stop_clock()
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Drop what a refused router sends."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """See asyncio.Protocol."""
        self._stop_clock()
        self._door.forget(self)
        self._transport = None

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _is_node(name: str) -> bool:
    try:
        parse_node_id(name)
    except ValueError:
        return False
    return True
