"""Who is let in by the mesh; with real certificates in tests/integration/test_mesh_tls.py."""

import asyncio
from typing import cast

import pytest
from structlog.testing import capture_logs

from aether.core.model.ids import NodeId
from aether.dataplane import mesh_door
from aether.dataplane.context import Client
from aether.dataplane.downstream import ClientConnection
from aether.dataplane.mesh_door import MOST_HELD, MeshDoor, Threshold
from tests.unit.dataplane.fakes import Transport

ONE, TWO = NodeId("node-1"), NodeId("node-2")


class Inside(asyncio.Protocol):
    """A connection that was let in."""

    deadline = 0.0
    trace_id = ""

    def __init__(self) -> None:
        self.said: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.said.append("made")

    def expire(self) -> None:
        self.said.append("expired")

    def drain(self) -> None:
        self.said.append("drained")

    def abort(self) -> None:
        self.said.append("aborted")


class Tls(Transport):
    """The transport of a router whose certificate names `names`."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self._extra["peercert"] = {"subjectAltName": [("DNS", name) for name in names]}  # type: ignore[attr-defined]  # where asyncio keeps it
        self.protocol: asyncio.BaseProtocol | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class Scene:
    """A door, and what came to it."""

    def __init__(self, *peers: NodeId) -> None:
        self.door = MeshDoor(grace_s=0.0)
        self.door.know(peers)
        self.inside: list[Inside] = []
        self.clients: set[Client] = set()

    def _made(self) -> ClientConnection:
        self.inside.append(Inside())
        self.clients.add(self.inside[-1])
        return cast("ClientConnection", self.inside[-1])

    def come(self, *names: str) -> tuple[Threshold, Tls]:
        threshold, transport = Threshold(self.door, self.clients, self._made), Tls(*names)
        threshold.connection_made(transport)
        return threshold, transport


@pytest.mark.parametrize(
    ("peers", "names", "is_in"),
    [
        ((ONE, TWO), ("node-2",), True),
        ((ONE, TWO), ("*.example.org", "node-2"), True),
        ((), ("node-9",), True),
        ((ONE, TWO), ("node-9",), False),
        ((), ("Not_A_Node",), False),
        ((), (), False),
    ],
)
async def test_a_node_of_the_table_is_let_in(
    peers: tuple[NodeId, ...], names: tuple[str, ...], is_in: bool
) -> None:
    scene = Scene(*peers)
    _, transport = scene.come(*names)
    assert [each.said for each in scene.inside] == ([["made"]] if is_in else [])
    assert (transport.protocol is not None) is is_in
    scene.door.close()


async def test_one_that_names_no_node_is_cut_off_at_once() -> None:
    scene = Scene(ONE)
    with capture_logs() as logs:
        _, transport = scene.come()
    assert (transport.is_aborted, transport.written) == (True, b"")
    assert [(line["named"], line["expected"]) for line in logs] == [("no node", "node-1")]


async def test_a_node_not_known_yet_is_held_unread_until_it_is() -> None:
    scene = Scene(ONE)
    _, transport = scene.come("node-2")
    assert (transport.is_reading_held, scene.inside) == (True, [])
    assert scene.door.counts() == {"held_peers": 1, "refused_peers": 0}
    scene.door.know((ONE, TWO))
    assert (transport.is_reading_held, scene.inside[0].said) == (False, ["made"])
    assert scene.door.counts() == {"held_peers": 0, "refused_peers": 0}


async def test_who_is_held_too_long_hears_that_nothing_was_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mesh_door, "HOLD_S", 0.0)
    scene = Scene(ONE)
    with capture_logs() as logs:
        threshold, transport = scene.come("node-2")
        async with asyncio.timeout(5):
            while not transport.written:  # noqa: ASYNC110 - a fake transport tells nobody
                await asyncio.sleep(0)
    assert b"503" in transport.written.partition(b"\r\n")[0]
    assert b"x-aether-refused: unknown-node\r\n" in transport.written
    assert (transport.is_reading_held, transport.is_closing()) == (False, False)
    threshold.data_received(b"POST / HTTP/1.1\r\n")
    threshold.abort()
    assert transport.is_aborted
    assert scene.door.counts() == {"held_peers": 0, "refused_peers": 1}
    assert [line["named"] for line in logs] == ["node-2"]


async def test_a_bounded_number_is_held() -> None:
    scene = Scene(ONE)
    came = [scene.come("node-2") for _ in range(MOST_HELD + 1)]
    assert [bool(transport.written) for _, transport in came] == [False] * MOST_HELD + [True]
    came[0][0].connection_lost(None)
    assert scene.door.counts() == {"held_peers": MOST_HELD - 1, "refused_peers": 1}
    scene.door.close()
    assert all(transport.is_aborted for _, transport in came[1:MOST_HELD])
    came[-1][0].connection_lost(None)


async def test_connections_of_a_node_that_leaves_end_and_no_others() -> None:
    scene = Scene(ONE, TWO)
    for name in ("node-1", "node-2"):
        scene.come(name)
    scene.door.know((ONE,))
    async with asyncio.timeout(5):
        while "aborted" not in scene.inside[1].said:  # noqa: ASYNC110 - a fake connection tells nobody
            await asyncio.sleep(0)
    assert [each.said for each in scene.inside] == [["made"], ["made", "drained", "aborted"]]


async def test_what_is_remembered_of_who_is_inside_does_not_grow() -> None:
    scene = Scene(ONE)
    for _ in range(20 * MOST_HELD):
        scene.come("node-1")
        scene.clients.clear()  # gone again
    assert len(scene.inside) == 20 * MOST_HELD
    scene.door.know((TWO,))
    drained = [each for each in scene.inside if "drained" in each.said]
    assert len(drained) <= MOST_HELD
