"""Mutual TLS between routers: each end knows which node the other is of before HTTP is spoken.

The dialling router insists on the node its table names; whom the accepting one lets in is in
`mesh_door`. Sessions are not resumed, so a replaced certificate counts for the next connection.
"""

import asyncio
import ssl
from collections.abc import Iterable

import structlog

from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import NodeId
from aether.core.model.node_certificate import nodes_named
from aether.dataplane.certificates import BadCertificate, Stamp, shake_hands, stamp_of
from aether.dataplane.seldom import Seldom
from aether.dataplane.settings import PeerFiles

DIAL_S = 1.0
"""Longest handshake of a dialled connection; the pool gives up no later."""

log = structlog.get_logger()


class WrongPeer(OSError):
    """Whoever answers at a router's address is not a router of the node meant."""


class MeshTls:
    """The contexts for new connections, and who is where according to the table."""

    def __init__(self, files: PeerFiles, node: NodeId) -> None:
        """Read the files of `node`'s router; raises BadCertificate when they cannot be used."""
        self._files = files
        self._node = node
        self._stamp = self._stamps()
        self._accepting, self._dialling = _contexts(files, node)
        self._seldom = Seldom()
        self._nodes: dict[str, NodeId] = {}
        self.problem = ""
        """Why what the files hold now is not in use; empty when it is."""

    @property
    def context(self) -> ssl.SSLContext:
        """Return the context with which connections are accepted."""
        return self._accepting

    def know(self, endpoints: Iterable[Endpoint]) -> None:
        """Take from a table which node is behind which address."""
        self._nodes = {each.mesh: each.node for each in endpoints if each.mesh}

    def refresh(self) -> None:
        """Use files that changed, if they can be used; looks at the disk, so call it off the loop."""
        stamp: Stamp = ()
        try:
            stamp = self._stamps()
            if stamp == self._stamp:
                return
            self._accepting, self._dialling = _contexts(self._files, self._node)
        except BadCertificate as problem:
            if str(problem) != self.problem:
                self.problem = str(problem)
                log.warning("changed certificate is not used", problem=self.problem)
        else:
            self.problem = ""
            log.info("certificate was read again", cert=self._files.certificate)
        self._stamp = stamp  # what is broken is tried again when it changes again

    async def dial(self, address: str, protocol: asyncio.Protocol) -> None:
        """Connect to another router and make sure of its node; see `pool.PeerDialer`."""
        node = self._nodes.get(address)
        if node is None:
            raise WrongPeer(f"the table names no node at {address}")
        host, _, port = address.rpartition(":")
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: protocol,
                host.strip("[]"),
                int(port),
                ssl=self._dialling,
                ssl_handshake_timeout=DIAL_S,
            )
        except ssl.SSLError as problem:
            why = getattr(problem, "verify_message", "") or problem.reason or str(problem)
            raise self._refusal(node, address, f"TLS with it failed: {why}") from problem
        names = nodes_named(transport.get_extra_info("peercert") or {})
        if node not in names:
            transport.abort()
            shown = ", ".join(sorted(names)) or "no node"
            raise self._refusal(node, address, f"its certificate names {shown}, not {node}")

    def _refusal(self, node: NodeId, address: str, why: str) -> WrongPeer:
        """Log that `node` is not spoken to, and return it as an error."""
        if self._seldom.is_due(f"{address} {why}", asyncio.get_running_loop().time()):
            log.warning("router is not spoken to", address=address, expected=node, problem=why)
        return WrongPeer(f"{node} at {address}: {why}")

    def _stamps(self) -> Stamp:
        return stamp_of(self._files.ca, self._files.certificate, self._files.key)


def _contexts(files: PeerFiles, node: NodeId) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    accepting = _context(ssl.PROTOCOL_TLS_SERVER, files)
    accepting.num_tickets = 0  # no sessions to resume
    dialling = _context(ssl.PROTOCOL_TLS_CLIENT, files)
    _check_own(files, accepting, dialling, node)
    return accepting, dialling


def _check_own(
    files: PeerFiles, accepting: ssl.SSLContext, dialling: ssl.SSLContext, node: NodeId
) -> None:
    """Raise BadCertificate when our certificate names another node: every peer would refuse it.

    One that has expired, or is not of the CA we trust, is warned of only: peers may trust another CA
    while it is exchanged, and a router that starts must not be worse off than those that run.
    """
    try:
        names = nodes_named(shake_hands(accepting, dialling))
    except ssl.SSLError as problem:
        log.warning("our own certificate is not accepted", problem=problem.reason)
        return
    if node not in names:
        named = ", ".join(sorted(names)) or "no node"
        raise BadCertificate(
            f"{files.certificate} names {named}, not {node}: it must have the URI name "
            f"spiffe://…/node/{node} or the DNS name {node}"
        )


def _context(protocol: ssl._SSLMethod, files: PeerFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # Routers are checked by node, not by host: an address may change, and many share one.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(files.ca)
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ValueError) as problem:
        raise BadCertificate(
            f"{files.certificate}, its key or its CA {files.ca} cannot be used: {problem}"
        ) from problem
    return context
