"""Routers of two nodes with mutual TLS between them: who is let in, and who is spoken to."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from aether.core.dataplane.table import Endpoint, Table
from aether.core.model.ids import NodeId
from aether.dataplane.certificates import BadCertificate
from aether.dataplane.feed import TableFeed
from aether.dataplane.limits import Limits
from aether.dataplane.listeners import Places
from aether.dataplane.router import Router
from aether.dataplane.settings import PeerFiles, RouterSettings
from aether.dataplane.table_file import write_table
from aether.store.spec import TlsFiles
from tests.certificates import Authority
from tests.integration.router_rig import (
    POLL_S,
    WAIT_S,
    Message,
    Origin,
    Rig,
    fetch,
    head,
    local,
    remote,
    row,
    until,
)

DIRECT = "x-aether-instance: org.example:echo:1.0.0/0"
"""What a router asks another for."""


@pytest.fixture
def ca(rig: Rig) -> Authority:
    return Authority(rig.folder)


@dataclass
class Party:
    """One router, its table, and its node's side of the table link."""

    router: Router
    table: Table
    feed: TableFeed

    @property
    def mesh(self) -> str:
        return self.router.addresses["mesh"]

    @property
    def tls(self) -> dict[str, Any]:
        tls = self.router.health()["tls"]
        assert isinstance(tls, dict)
        return tls

    async def ask(self, method: str = "GET") -> Message:
        return await fetch(self.router.addresses["public"], "/x", method=method)

    async def use(self, *peers: str) -> None:
        """Tell of a change of the cluster's nodes, and wait until the router knows."""
        self.table = replace(
            self.table,
            revision=self.table.revision + 1,
            peers=tuple(NodeId(each) for each in peers),
        )
        self.feed.publish(self.table)
        await until(lambda: self.router.revision == self.table.revision)


@contextlib.asynccontextmanager
async def party(
    folder: Path,
    node: str,
    files: TlsFiles | None,
    *endpoints: Endpoint,
    peers: Sequence[str] = (),
) -> AsyncIterator[Party]:
    """Run a router of `node` here, with instances to send everything to."""
    data_dir = folder / node
    (data_dir / "run").mkdir(parents=True)
    mesh = peer_files(files) if files else None
    settings = RouterSettings(node=node, port=0, mesh_port=0, mesh=mesh, drain_s=0.2)
    places = Places(data_dir=data_dir)
    table = Table(
        revision=1,
        node=NodeId(node),
        routes=(row(),),
        instances=endpoints,
        peers=tuple(NodeId(each) for each in peers),
    )
    write_table(places.table_file, table)
    made = Party(Router(places, settings, Limits(drain_s=0.2)), table, TableFeed(places.table_link))
    await made.feed.start()
    try:
        await made.router.start()
        yield made
    finally:
        await made.router.stop()
        await made.feed.stop()


def peer_files(files: TlsFiles) -> PeerFiles:
    return PeerFiles(ca=str(files.ca), certificate=str(files.certificate), key=str(files.key))


def said(logs: Sequence[Any], event: str) -> list[tuple[str, str]]:
    """Return what was expected and found, of each line of an event."""
    lines = [line for line in logs if line["event"].startswith(event)]
    return [(line["expected"], line.get("named") or line["problem"]) for line in lines]


async def test_a_request_crosses_by_tls(rig: Rig, ca: Authority, echo: Origin) -> None:
    one, two = ca.issue("node-1"), ca.issue("node-2", spiffe=False)
    peers = ("node-1", "node-2")
    async with party(rig.folder, "node-2", two, local("node-2", echo), peers=peers) as far:
        away = remote("node-2", far.mesh)
        async with party(rig.folder, "node-1", one, away, peers=peers) as near:
            for _ in range(3):
                answer = await near.ask()
                assert (answer.status, answer.json()["name"]) == (200, "a")
        assert far.tls["refused_peers"] == 0
    assert echo.connections == 1


async def test_another_node_at_the_address_gets_no_request(
    rig: Rig, ca: Authority, echo: Origin
) -> None:
    with capture_logs() as logs:
        three = ca.issue("node-3")
        async with party(rig.folder, "node-3", three, local("node-3", echo)) as wrong:
            away = remote("node-2", wrong.mesh)
            async with party(rig.folder, "node-1", ca.issue("node-1"), away) as near:
                answer = await near.ask()
    assert (answer.status, answer.json()["code"]) == (503, "no_endpoint")
    assert "its certificate names node-3, not node-2" in answer.json()["detail"]
    assert said(logs, "router is not spoken to") == [
        ("node-2", "its certificate names node-3, not node-2")
    ]
    assert echo.requests == []


async def test_a_router_of_a_strangers_ca_is_not_spoken_to(
    rig: Rig, ca: Authority, echo: Origin
) -> None:
    foreign = Authority(rig.folder, "other").issue("node-2")
    trusting = TlsFiles(ca=ca.path, certificate=foreign.certificate, key=foreign.key)
    with capture_logs() as logs:
        async with party(rig.folder, "node-2", trusting, local("node-2", echo)) as far:
            away = remote("node-2", far.mesh)
            async with party(rig.folder, "node-1", ca.issue("node-1"), away) as near:
                answer = await near.ask()
    assert answer.status == 503
    ((expected, problem),) = said(logs, "router is not spoken to")
    assert expected == "node-2"
    assert "unable to get local issuer certificate" in problem
    assert echo.requests == []


async def test_a_router_in_the_clear_is_not_spoken_to(
    rig: Rig, ca: Authority, echo: Origin
) -> None:
    async with party(rig.folder, "plain", None, local("plain", echo)) as clear:
        away = remote("plain", clear.mesh)
        async with party(rig.folder, "node-1", ca.issue("node-1"), away) as near:
            answer = await near.ask()
    assert (answer.status, answer.json()["code"]) == (503, "no_endpoint")
    assert echo.requests == []


@pytest.mark.parametrize("who", ["nobody", "stranger", "not a node"])
async def test_who_shows_no_certificate_of_a_node_is_refused_before_http(
    rig: Rig, ca: Authority, echo: Origin, who: str
) -> None:
    stranger = Authority(rig.folder, "other")
    client = ssl.create_default_context(cafile=str(ca.path))
    client.check_hostname = False
    if who != "nobody":
        shown = stranger.issue("node-1") if who == "stranger" else ca.issue("No_Node", spiffe=False)
        client.load_cert_chain(shown.certificate, shown.key)
    async with party(rig.folder, "node-2", ca.issue("node-2"), local("node-2", echo)) as far:
        host, _, port = far.mesh.rpartition(":")
        answer = b""
        async with asyncio.timeout(WAIT_S):
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                reader, writer = await asyncio.open_connection(host, int(port), ssl=client)
                try:
                    writer.write(head("/x", DIRECT).encode())
                    answer = await reader.read()
                finally:
                    writer.transport.abort()
        assert far.router.health()["requests"] == 0
    assert answer == b""
    assert echo.requests == []


async def test_plain_http_on_the_mesh_is_refused(rig: Rig, ca: Authority, echo: Origin) -> None:
    async with party(rig.folder, "node-2", ca.issue("node-2"), local("node-2", echo)) as far:
        answer = await fetch(far.mesh, "/x", DIRECT)
        assert (answer.status, answer.json()["code"]) == (400, "bad_request")
    assert echo.requests == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_router_of_no_node_of_the_cluster_is_told_to_ask_elsewhere(
    rig: Rig, ca: Authority, echo: Origin, method: str
) -> None:
    """What is refused was not delivered: even a POST is answered by an instance that may be asked."""
    peers = ("node-1", "node-2")
    other = await rig.origin("b")
    with capture_logs() as logs:
        async with (
            party(
                rig.folder, "node-2", ca.issue("node-2"), local("node-2", echo), peers=peers
            ) as strict,
            party(rig.folder, "node-3", ca.issue("node-3"), local("node-3", other, 1)) as open_,
        ):
            away = remote("node-2", strict.mesh), remote("node-3", open_.mesh, 1)
            async with party(rig.folder, "node-9", ca.issue("node-9"), *away) as near:
                answers = [await near.ask(method) for _ in range(3)]
            assert strict.tls["refused_peers"] >= 1
            assert strict.router.health()["requests"] == 0
    assert [(each.status, each.json()["name"]) for each in answers] == [(200, "b")] * 3
    assert echo.requests == []
    assert said(logs, "a router is refused") == [("node-1, node-2", "node-9")]


async def test_a_node_that_joins_is_waited_for(rig: Rig, ca: Authority, echo: Origin) -> None:
    two = ca.issue("node-2")
    async with party(rig.folder, "node-2", two, local("node-2", echo), peers=["node-2"]) as far:
        away = remote("node-2", far.mesh)
        async with (
            party(rig.folder, "node-1", ca.issue("node-1"), away) as near,
            asyncio.TaskGroup() as group,
        ):
            asked = group.create_task(near.ask("POST"))
            await until(lambda: far.router.health()["clients"] == 0 and _held(far))
            await far.use("node-1", "node-2")
            answer = await asked
        assert far.tls["refused_peers"] == 0
    assert (answer.status, answer.json()["name"]) == (200, "a")


def _held(far: Party) -> int:
    held = far.tls["held_peers"]
    assert isinstance(held, int)
    return held


async def test_a_node_that_leaves_loses_its_connections(
    rig: Rig, ca: Authority, echo: Origin
) -> None:
    peers = ("node-1", "node-2")
    two = ca.issue("node-2")
    async with party(rig.folder, "node-2", two, local("node-2", echo), peers=peers) as far:
        away = remote("node-2", far.mesh)
        async with party(rig.folder, "node-1", ca.issue("node-1"), away) as near:
            assert (await near.ask()).status == 200
            assert far.router.health()["clients"] == 1
            await far.use("node-2")
            await until(lambda: far.router.health()["clients"] == 0)
            answer = await near.ask()
            assert (answer.status, answer.json()["code"]) == (503, "no_endpoint")
            assert "its node's router says: unknown-node" in answer.json()["detail"]
    assert len(echo.requests) == 1


async def test_replaced_files_count_for_new_connections(
    rig: Rig, ca: Authority, echo: Origin
) -> None:
    one = ca.issue("node-1", expired=True)
    two = ca.issue("node-2")
    async with party(rig.folder, "node-2", two, local("node-2", echo)) as far:
        away = remote("node-2", far.mesh)
        async with party(rig.folder, "node-1", one, away) as near:
            with capture_logs() as logs:
                assert (await near.ask()).status != 200
                await until(lambda: _refusals(logs) == ["certificate has expired"])
            assert ca.issue("node-1") == one
            async with asyncio.timeout(WAIT_S):
                while (await near.ask()).status != 200:  # noqa: ASYNC110 - the other process's files are looked at once a second
                    await asyncio.sleep(POLL_S)
    assert echo.requests


def _refusals(logs: Sequence[Any]) -> list[str]:
    failed = "a router is refused: its TLS handshake failed"
    return [line["problem"] for line in logs if line["event"] == failed]


async def test_a_certificate_that_names_another_node_is_not_taken_into_use(
    rig: Rig, ca: Authority, echo: Origin
) -> None:
    one, two = ca.issue("node-1"), ca.issue("node-2")
    async with party(rig.folder, "node-2", two, local("node-2", echo)) as far:
        away = remote("node-2", far.mesh)
        async with party(rig.folder, "node-1", one, away) as near:
            ca.issue("node-3", stem=one.certificate.stem)
            await until(lambda: "names node-3, not node-1" in str(near.tls["problem"]))
            assert (await near.ask()).status == 200


async def test_a_router_does_not_start_with_a_certificate_of_another_node(
    rig: Rig, ca: Authority
) -> None:
    with pytest.raises(BadCertificate, match="names node-2, not node-1"):
        async with party(rig.folder, "node-1", ca.issue("node-2")):
            pass
