"""The servers behind a router's listening sockets: in the clear, or by TLS where it is set."""

import asyncio
import socket
from collections.abc import Callable, Mapping

from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane.certificates import Certificates
from aether.dataplane.context import Context
from aether.dataplane.downstream import ClientConnection
from aether.dataplane.listeners import BACKLOG
from aether.dataplane.mesh_door import MeshDoor, Threshold
from aether.dataplane.mesh_tls import MeshTls
from aether.dataplane.routing import Listener
from aether.dataplane.settings import RouterSettings
from aether.dataplane.tls import TlsListener


class Serving:
    """Accepts on listening sockets. Servers get copies: the originals can be handed on."""

    def __init__(self, settings: RouterSettings) -> None:
        """Read the certificates; raises BadCertificate when one cannot be used."""
        self._settings = settings
        self._certificates = (
            Certificates(settings.certificates, settings.min_version)
            if settings.certificates
            else None
        )
        node = NodeId(settings.node)
        self.mesh = MeshTls(settings.mesh, node) if settings.mesh else None
        """How other routers are spoken to; None: in the clear."""
        self._door = MeshDoor(settings.drain_s)
        self._servers: list[asyncio.AbstractServer] = []
        self._tls: dict[str, TlsListener] = {}

    async def start(self, context: Context, sockets: Mapping[str, socket.socket]) -> None:
        """Accept connections from all sockets."""
        for name, listening in sockets.items():
            copy = listening.dup()
            copy.settimeout(0)
            tls = self._tls_listener(context, Listener(name))
            if tls is not None:
                self._tls[name] = tls
                tls.start(copy)
            else:
                await self._serve_plain(_factory(context, Listener(name)), copy)

    async def _serve_plain(
        self, factory: Callable[[], ClientConnection], listening: socket.socket
    ) -> None:
        loop = asyncio.get_running_loop()
        is_local = listening.family == socket.AF_UNIX
        make = loop.create_unix_server if is_local else loop.create_server
        self._servers.append(await make(factory, sock=listening, backlog=BACKLOG))

    def _tls_listener(self, context: Context, listener: Listener) -> TlsListener | None:
        certificates, mesh = self._certificates, self.mesh
        if listener is Listener.PUBLIC and certificates is not None:
            factory = _factory(context, listener, "https")
            return TlsListener(context, self._settings, lambda: certificates.context, factory)
        if listener is Listener.MESH and mesh is not None:
            inner, door = _factory(context, listener), self._door
            return TlsListener(
                context,
                self._settings,
                lambda: mesh.context,
                lambda: Threshold(door, context.clients, inner),
                door.note_failure,
            )
        return None

    def know(self, table: Table) -> None:
        """Take from a table which nodes there are, and where they are."""
        if self.mesh is not None:
            self.mesh.know(table.instances)
            self._door.know(table.peers)

    def close(self) -> None:
        """Accept no more; TLS handshakes under way go on."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for tls in self._tls.values():
            tls.close()

    async def stop(self) -> None:
        """End TLS handshakes too."""
        self.close()
        self._door.close()
        for tls in self._tls.values():
            await tls.stop()

    def refresh(self) -> None:
        """Use certificates that changed on disk; looks at files, so call it off the loop."""
        if self._certificates is not None:
            self._certificates.refresh()
        if self.mesh is not None:
            self.mesh.refresh()

    @property
    def has_tls(self) -> bool:
        """Whether there is any certificate to look after."""
        return self._certificates is not None or self.mesh is not None

    def health(self) -> dict[str, object]:
        """Return what the router's health shows of TLS; nothing where there is none."""
        if not self.has_tls:
            return {}
        public = self._certificates.health() if self._certificates else {}
        problems = [str(public.get("problem", "")), self.mesh.problem if self.mesh else ""]
        failed = {name: tls.failed for name, tls in sorted(self._tls.items())}
        problem = "; ".join(each for each in problems if each)
        peers = self._door.counts() if self.mesh else {}
        return {"tls": {**public, "failed_handshakes": failed, **peers, "problem": problem}}


def _factory(
    context: Context, listener: Listener, scheme: str = "http"
) -> Callable[[], ClientConnection]:
    return lambda: ClientConnection(context, listener, scheme)
