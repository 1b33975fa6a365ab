"""A member that lost its store comes back as one that joins: it never votes from an empty disk."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store.commands import Consistency, Put, Txn
from aether.errors import AetherError
from aether.ports import MemberStatus
from aether.store.origin import Origin, read_origin
from aether.store.remote.store import RemoteStore
from tests.integration.native_cluster import until

PORTS = ("management", "router", "cluster", "raft", "mesh")
NODES = (1, 2, 3)
KEYS = 50
WAIT_S = 50.0
POLL_S = 0.1


class Nodes:
    """Three node processes that found a cluster together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(len(NODES) * len(PORTS))]
        numbers = iter([int(each.getsockname()[1]) for each in sockets])
        self.ports = {node: {name: next(numbers) for name in PORTS} for node in NODES}
        for each in sockets:
            each.close()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def data_dir(self, number: int) -> Path:
        return self.folder / f"n{number}"

    def start(self, number: int) -> None:
        flags = ["--node-id", f"node-{number}", "--data-dir", str(self.data_dir(number))]
        for name, port in self.ports[number].items():
            flags += [f"--{name}-port", str(port)]
        flags += ["--bootstrap-expect", "3", "--join", f"127.0.0.1:{self.ports[1]['cluster']}"]
        with (self.folder / f"log{number}").open("ab") as log:
            self.processes[number] = subprocess.Popen(
                [sys.executable, "-m", "aether.node", *flags],
                stderr=log,
                start_new_session=True,
                env={k: v for k, v in os.environ.items() if not k.startswith("AETHER_")},
            )

    def stop(self, number: int) -> None:
        process = self.processes.pop(number)
        process.send_signal(signal.SIGTERM)
        process.wait(20)

    def store(self, number: int) -> RemoteStore:
        identity = json.loads((self.data_dir(number) / "node.json").read_text())
        socket_path = self.data_dir(number) / "run" / "store.sock"
        return RemoteStore(socket_path, NodeId(f"node-{number}"), identity["cluster_id"])

    async def status(self, number: int) -> MemberStatus | None:
        """Return how a node's store is, None while it does not answer."""
        try:
            store = self.store(number)
        except FileNotFoundError:
            return None
        await store.start()
        try:
            return await store.status()
        except AetherError:
            return None
        finally:
            await store.close()


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as root:
        cluster = Nodes(Path(root))
        for number in NODES:
            cluster.start(number)
        try:
            yield cluster
        finally:
            for number in list(cluster.processes):
                cluster.stop(number)


def voters(status: MemberStatus | None) -> set[str]:
    return set() if status is None else {each.node for each in status.members if each.voter}


async def wait_for_voter(nodes: Nodes, number: int) -> MemberStatus:
    """Wait until a node votes, well again, and has applied all that is committed."""
    status, deadline = None, time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        status = await nodes.status(number)
        votes = status is not None and status.node in voters(status)
        if status is not None and votes and status.condition == "ok" and status.leader is not None:
            return status
        await asyncio.sleep(POLL_S)
    raise AssertionError(
        str(status) + "".join((nodes.folder / f"log{n}").read_text()[-3000:] for n in NODES)
    )


async def put_all(nodes: Nodes, number: int) -> None:
    store = nodes.store(number)
    await store.start()
    try:
        await until(lambda: store.is_ready, 40.0)
        for key in range(KEYS):
            put = Put(f"app/k{key:03}", b"value %d" % key)
            await store.txn(Txn((put,), Reason("test", "put", "a key")), timeout_s=10.0)
    finally:
        await store.close()


async def test_founders_without_their_stores_join_again_and_hold_everything(nodes: Nodes) -> None:
    await wait_for_voter(nodes, 1)
    await put_all(nodes, 1)
    assert read_origin(nodes.data_dir(1)) is Origin.FOUNDED
    for number, other in ((1, 3), (2, 1)):
        term = (await wait_for_voter(nodes, other)).term
        nodes.stop(number)
        if number == 1:
            shutil.rmtree(nodes.data_dir(1) / "store")
        else:
            (nodes.data_dir(2) / "store" / "vote").write_bytes(b"bits that rotted")
        nodes.start(number)
        status = await wait_for_voter(nodes, number)
        assert status.term >= term, "it follows the cluster that was, not one of its own"
        assert read_origin(nodes.data_dir(number)) is Origin.JOINED
        assert not (nodes.data_dir(number) / "founding.json").exists()
        assert await held(nodes, number) == KEYS
    logs = "".join((nodes.folder / f"log{number}").read_text() for number in NODES)
    assert logs.count("admission.member_starts_anew") == 2


async def held(nodes: Nodes, number: int) -> int:
    """Return how many keys are in a node's own copy, as it stands."""
    store = nodes.store(number)
    await store.start()
    try:
        found = await store.range("app/", consistency=Consistency.STALE, timeout_s=10.0)
    finally:
        await store.close()
    return len(found.entries)
