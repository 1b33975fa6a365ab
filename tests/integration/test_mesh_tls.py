"""Routers of two nodes with mutual TLS between them: who is let in, and who is spoken to."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aether.core.dataplane.table import Endpoint, Table
from aether.core.model.ids import NodeId
from aether.dataplane.limits import Limits
from aether.dataplane.listeners import Places
from aether.dataplane.router import Router
from aether.dataplane.settings import PeerFiles, RouterSettings
from aether.dataplane.table_file import write_table
from aether.store.spec import TlsFiles
from tests.certificates import Authority
from tests.integration.router_rig import WAIT_S, Origin, Rig, fetch, head, local, remote, row


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def router(folder: Path, files: TlsFiles | None, endpoint: Endpoint) -> AsyncIterator[Router]:
    """Run a router of `node` here, with one instance to send everything to."""
    node = files.certificate.stem.removeprefix("ca-") if files else "plain"
    data_dir = folder / f"{node}-{endpoint.node}"
    data_dir.mkdir()
    settings = RouterSettings(
        node=node,
        port=0,
        mesh_port=0,
        mesh=peer_files(files) if files else None,
    )
    made = Router(Places(data_dir=data_dir), settings, Limits(drain_s=0.2))
    table = Table(revision=1, node=NodeId(node), routes=(row(),), instances=(endpoint,))
    write_table(Places(data_dir=data_dir).table_file, table)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def peer_files(files: TlsFiles) -> PeerFiles:
    return PeerFiles(ca=str(files.ca), certificate=str(files.certificate), key=str(files.key))


@pytest.fixture
async def origin(rig: Rig) -> Origin:
    return await rig.origin("a")


async def test_a_request_crosses_by_tls(rig: Rig, origin: Origin) -> None:
    ca = Authority(rig.folder)
    one, two = ca.issue("node-1"), ca.issue("node-2")
    async with router(rig.folder, two, local("node-2", origin)) as far:
        away = remote("node-2", far.addresses["mesh"])
        async with router(rig.folder, one, away) as near:
            for _ in range(3):
                answer = await fetch(near.addresses["public"], "/x")
                assert (answer.status, answer.json()["name"]) == (200, "a")
    assert origin.connections == 1


async def test_another_node_at_the_address_gets_no_request(rig: Rig, origin: Origin) -> None:
    ca = Authority(rig.folder)
    async with router(rig.folder, ca.issue("node-3"), local("node-3", origin)) as wrong:
        away = remote("node-2", wrong.addresses["mesh"])
        async with router(rig.folder, ca.issue("node-1"), away) as near:
            answer = await fetch(near.addresses["public"], "/x")
    assert (answer.status, answer.json()["code"]) == (503, "no_endpoint")
    assert "names node-3, not node-2" in answer.json()["detail"]
    assert origin.requests == []


async def test_a_router_in_the_clear_is_not_spoken_to(rig: Rig, origin: Origin) -> None:
    ca = Authority(rig.folder)
    async with router(rig.folder, None, local("plain", origin)) as clear:
        away = remote("plain", clear.addresses["mesh"])
        async with router(rig.folder, ca.issue("node-1"), away) as near:
            answer = await fetch(near.addresses["public"], "/x")
    assert (answer.status, answer.json()["code"]) == (503, "no_endpoint")
    assert origin.requests == []


@pytest.mark.parametrize("who", ["nobody", "stranger", "not a node"])
async def test_who_shows_no_certificate_of_a_node_is_refused_before_http(
    rig: Rig, origin: Origin, who: str
) -> None:
    ca = Authority(rig.folder)
    stranger = Authority(rig.folder, "other")
    client = ssl.create_default_context(cafile=str(ca.path))
    client.check_hostname = False
    if who != "nobody":
        shown = stranger.issue("node-1") if who == "stranger" else ca.issue("No_Node", spiffe=False)
        client.load_cert_chain(shown.certificate, shown.key)
    async with router(rig.folder, ca.issue("node-2"), local("node-2", origin)) as far:
        host, _, port = far.addresses["mesh"].rpartition(":")
        answer = b""
        async with asyncio.timeout(WAIT_S):
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                reader, writer = await asyncio.open_connection(host, int(port), ssl=client)
                try:
                    request = head("/x", "x-aether-instance: org.example:echo:1.0.0/0")
                    writer.write(request.encode())
                    answer = await reader.read()
                finally:
                    writer.transport.abort()
        assert far.health()["requests"] == 0
    assert answer == b""
    assert origin.requests == []


async def test_plain_http_on_the_mesh_is_refused(rig: Rig, origin: Origin) -> None:
    ca = Authority(rig.folder)
    async with router(rig.folder, ca.issue("node-2"), local("node-2", origin)) as far:
        answer = await fetch(
            far.addresses["mesh"], "/x", "x-aether-instance: org.example:echo:1.0.0/0"
        )
        assert (answer.status, answer.json()["code"]) == (400, "bad_request")
    assert origin.requests == []
