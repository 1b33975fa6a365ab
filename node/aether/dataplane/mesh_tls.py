"""Mutual TLS between routers: each end knows which node the other is of before HTTP is spoken.

The dialling router insists on the node its table names; the accepting one on a certificate of the
cluster's CA that names a node. Sessions are not resumed, so a replaced certificate counts at once.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from typing import cast

import structlog

from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import NodeId, parse_node_id
from aether.core.model.node_certificate import nodes_named
from aether.dataplane.certificates import BadCertificate, Stamp, stamp_of
from aether.dataplane.settings import PeerFiles

DIAL_S = 1.0
"""Longest handshake of a dialled connection; the pool gives up no later."""

log = structlog.get_logger()


class WrongPeer(OSError):
    """Whoever answers at a router's address is not a router of the node meant."""


class MeshTls:
    """The contexts for new connections, and who is where according to the table."""

    def __init__(self, files: PeerFiles) -> None:
        """Read the files; raises BadCertificate when they cannot be used."""
        self._files = files
        self._stamp = self._stamps()
        self._accepting, self._dialling = _contexts(files)
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
            self._accepting, self._dialling = _contexts(self._files)
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
            raise WrongPeer(f"TLS with {node} at {address} failed: {problem.reason}") from problem
        names = nodes_named(transport.get_extra_info("peercert") or {})
        if node not in names:
            transport.abort()
            shown = ", ".join(sorted(names)) or "no node"
            log.warning("wrong node at an address", address=address, expected=node, named=shown)
            raise WrongPeer(f"the certificate at {address} names {shown}, not {node}")

    def _stamps(self) -> Stamp:
        return stamp_of(self._files.ca, self._files.certificate, self._files.key)


class Threshold(asyncio.Protocol):
    """Lets a router in whose certificate names a node: only then is there anyone to read HTTP."""

    def __init__(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._protocol = protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        tls = cast("asyncio.Transport", transport)
        names = nodes_named(tls.get_extra_info("peercert") or {})
        if not any(_is_node(name) for name in names):
            log.warning("a certificate without a node is refused", named=sorted(names))
            tls.abort()
            return
        within = self._protocol()
        tls.set_protocol(within)
        within.connection_made(tls)


def _is_node(name: str) -> bool:
    try:
        parse_node_id(name)
    except ValueError:
        return False
    return True


def _contexts(files: PeerFiles) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    accepting = _context(ssl.PROTOCOL_TLS_SERVER, files)
    accepting.num_tickets = 0  # no sessions to resume
    return accepting, _context(ssl.PROTOCOL_TLS_CLIENT, files)


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
