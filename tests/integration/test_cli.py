"""The command as a process against the real API: real decisions on simulated hosts, in real time."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aether.api.call import Context
from aether.api.server import ApiServer
from aether.api.service import Api
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.records import Verdict
from aether.core.store.commands import Put
from aether.errors import SliceFailed, Unavailable
from aether.ports import ApiRequest, ApiResponse, HostSpec, HostStatus
from aether.store.backup.inline import InlineBackups
from aether_forge.sim.cluster import SimulatedCluster
from aether_forge.sim.hosts import HostWeather, SimulatedLauncher
from tests.api_world import FakeIntake, artifact_record

SHOP = "org.example:shop"
BROKEN = "org.example:broken"
APP = "org.example:app"
DEADLINE_S = 30.0
POLL_S = 0.05


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class Link:
    """Hands a call to the leader's API in this very process."""

    def __init__(self, apis: dict[NodeId, Api]) -> None:
        self._apis = apis

    async def forward(self, leader: NodeId, request: ApiRequest) -> ApiResponse:
        if leader not in self._apis:
            raise Unavailable(f"{leader} does not answer")
        return await self._apis[leader].handle(request)


class FaultyLauncher(SimulatedLauncher):
    """A slice named broken cannot be imported, on any node."""

    async def load(self, spec: HostSpec) -> HostStatus:
        if spec.instance.base == BROKEN:
            raise SliceFailed("No module named 'nothing'", fields={"kind": "fatal"})
        return await super().load(spec)


class World:
    """Three nodes with their management ports."""

    def __init__(self) -> None:
        weather = HostWeather(slowest_step_s=0.05)
        self.cluster = SimulatedCluster(seed=1, nodes=3, weather=weather)
        apis: dict[NodeId, Api] = {}
        for name, node in self.cluster.nodes.items():
            node.launcher = FaultyLauncher(self.cluster.dice(f"hosts/{name}"), weather)
            apis[name] = Api(
                Context(
                    node=name,
                    store=node.store,
                    group=node.consensus,
                    backups=InlineBackups(
                        consensus=node.consensus, machine=node.machine, node=name, cluster_id="one"
                    ),
                    link=Link(apis),
                    intake=FakeIntake(node.store),
                    readiness=list,
                    version="9.9.9",
                )
            )
        self.servers = {name: ApiServer(api, "127.0.0.1", 0) for name, api in apis.items()}

    async def start(self) -> None:
        await self.cluster.start()
        async with asyncio.timeout(DEADLINE_S):
            while not self._all_on_duty():  # noqa: ASYNC110 - nothing announces a verdict
                await asyncio.sleep(POLL_S)
        for server in self.servers.values():
            await server.start()
        for base in (SHOP, BROKEN):
            await self.cluster.push(artifact_record(str(Artifact(f"{base}:1.0.0"))))

    def _all_on_duty(self) -> bool:
        verdicts = [record.verdict for record in self.cluster.view().verdicts.values()]
        return verdicts == [Verdict.ON_DUTY] * 3

    async def stop(self) -> None:
        for server in self.servers.values():
            await server.stop()
        await self.cluster.stop()

    @property
    def endpoints(self) -> str:
        return ",".join(f"http://127.0.0.1:{server.port}" for server in self.servers.values())

    @asynccontextmanager
    async def aether_process(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "aether.cli", "--endpoint", self.endpoints, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def aether(self, *arguments: str) -> Ran:
        """Run the command to its end."""
        async with self.aether_process(*arguments) as process, asyncio.timeout(DEADLINE_S):
            out, err = await process.communicate()
            assert process.returncode is not None
            return Ran(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def blueprint(tmp_path: Path) -> str:
    path = tmp_path / "app.toml"
    path.write_text(
        f'id = "{APP}:1.0.0"\n[[slices]]\nartifact = "{SHOP}:1.0.0"\n'
        "instances = 2\nmax_instances = 5\n"
    )
    return str(path)


async def test_the_life_of_a_blueprint(world: World, blueprint: str) -> None:
    valid = await world.aether("blueprint", "validate", blueprint)
    assert (valid.code, "is valid" in valid.out) == (0, True)

    applied = await world.aether("blueprint", "apply", blueprint)
    assert (applied.code, applied.out) == (0, f"{APP}:1.0.0 DEPLOYED\n"), applied.err
    assert f"{SHOP}:1.0.0 2/2 serve" in applied.err
    again = await world.aether("blueprint", "apply", blueprint, "-o", "json")
    assert (again.code, again.json()["state"]) == (0, "DEPLOYED")
    assert "nothing changes" in again.err

    listed = (await world.aether("blueprint", "list", "-o", "json")).json()
    assert [(item["id"], item["state"]) for item in listed] == [(f"{APP}:1.0.0", "DEPLOYED")]
    assert f"{SHOP}:1.0.0" in (await world.aether("blueprint", "get", APP)).out
    status = (await world.aether("blueprint", "status", APP, "-o", "json")).json()
    assert [slice_["active"] for slice_ in status["slices"]] == [2]

    scaled = await world.aether("slice", "scale", SHOP, "3")
    assert (scaled.code, scaled.out) == (0, f"{SHOP} has 3 instances\n"), scaled.err
    assert len(world.cluster.running()) == 3
    assert f"{SHOP}:1.0.0/2" in (await world.aether("slice", "get", SHOP)).out
    assert (await world.aether("slice", "list", "-o", "json")).json()[0]["active"] == 3

    unsure = await world.aether("blueprint", "delete", APP)
    assert (unsure.code, "--yes" in unsure.err) == (2, True)
    deleted = await world.aether("blueprint", "delete", APP, "--yes", "--purge-data")
    assert (deleted.code, deleted.out) == (0, f"{APP} deleted\n"), deleted.err
    assert world.cluster.running() == {}
    for command in (("get", APP), ("status", APP), ("delete", APP, "--yes")):
        gone = await world.aether("blueprint", *command)
        assert (gone.code, gone.out) == (3, "")
        assert "error: there is no blueprint" in gone.err


async def test_a_blueprint_that_fails(world: World, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(f'id = "{APP}:1.0.0"\n[[slices]]\nartifact = "{BROKEN}:1.0.0"\n')
    ran = await world.aether("blueprint", "apply", str(path), "-o", "json")
    assert (ran.code, ran.json()["state"]) == (1, "FAILED")
    assert f"error: blueprint {APP} FAILED" in ran.err
    assert "No module named 'nothing'" in ran.err


async def test_time_runs_out_and_the_user_leaves(world: World, blueprint: str) -> None:
    for node in world.cluster.nodes.values():
        node.launcher.weather = HostWeather(slowest_step_s=600)
    late = await world.aether("blueprint", "apply", blueprint, "--timeout", "1s")
    assert (late.code, late.out) == (5, "")
    assert f"aether blueprint status {APP}" in late.err

    async with (
        world.aether_process("blueprint", "apply", blueprint) as process,
        asyncio.timeout(DEADLINE_S),
    ):
        assert process.stderr is not None
        while b"DEPLOYING" not in await process.stderr.readline():
            assert process.returncode is None
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert "it goes on" in err.decode()


async def test_bad_blueprints(world: World, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        f'id = "{APP}:1.0.0"\n[[slices]]\nartifact = "{SHOP}:1.0.0"\ninstances = 0\nwat = 1\n'
    )
    for verb in ("validate", "apply"):
        ran = await world.aether("blueprint", verb, str(path))
        assert (ran.code, ran.out) == (2, "")
        assert f"{path}:4:" in ran.err
        assert f"{path}:5:" in ran.err
    path.write_text("id = ")
    broken = await world.aether("blueprint", "apply", str(path))
    assert (broken.code, f"{path}:1:" in broken.err) == (2, True)
    path.write_text(f'id = "{APP}:1.0.0"\n[[slices]]\nartifact = "org.example:shpo:1.0.0"\n')
    unknown = await world.aether("blueprint", "apply", str(path))
    assert (unknown.code, f"did you mean {SHOP}:1.0.0" in unknown.err) == (2, True)


async def test_looking_at_the_cluster(world: World) -> None:
    status = await world.aether("status", "-o", "json")
    assert (status.code, status.json()["leader"]) == (0, "node-1")
    assert "leader:" in (await world.aether("status")).out
    nodes = (await world.aether("node", "list", "-o", "json")).json()
    assert [node["node"] for node in nodes] == ["node-1", "node-2", "node-3"]
    assert "incarnation:  life-1" in (await world.aether("node", "get", "node-2")).out
    assert (await world.aether("node", "get", "node-9")).code == 3
    assert (await world.aether("route", "list", "-o", "json")).json() == []
    missing = await world.aether("slice", "get", "org.example:nothing")
    assert (missing.code, missing.out) == (3, "")
    assert (await world.aether("slice", "scale", "org.example:nothing", "2")).code == 3


async def test_artifacts(world: World, tmp_path: Path) -> None:
    wheel = tmp_path / "pushed-1.0.0-py3-none-any.whl"
    wheel.write_bytes(b"bytes of a wheel")
    pushed = await world.aether("artifact", "push", str(wheel), "-o", "json")
    assert (pushed.code, pushed.json()["artifact"]) == (0, "org.example:pushed:1.0.0"), pushed.err
    assert "nothing changed" in (await world.aether("artifact", "push", str(wheel))).err
    assert "org.example:pushed:1.0.0" in (await world.aether("artifact", "list")).out
    wheel.write_bytes(b"")
    empty = await world.aether("artifact", "push", str(wheel))
    assert (empty.code, "the body is empty" in empty.err) == (2, True)
    strange = wheel.rename(tmp_path / "strange.zip")
    strange.write_bytes(b"x")
    assert (await world.aether("artifact", "push", str(strange))).code == 2


async def test_keys(world: World) -> None:
    assert (await world.aether("kv", "put", "flag/dark mode?", "on")).code == 0
    assert (await world.aether("kv", "get", "flag/dark mode?")).out == "on"
    taken = await world.aether("kv", "put", "flag/dark mode?", "x", "--if-revision", "0")
    assert (taken.code, "flag/dark mode?" in taken.err) == (4, True)
    ranged = (await world.aether("kv", "range", "flag/", "-o", "json")).json()
    assert [(entry["key"], entry["value"]) for entry in ranged] == [("flag/dark mode?", "on")]
    assert "KEY" in (await world.aether("kv", "range", "node/", "--consistency", "stale")).out
    assert (await world.aether("kv", "delete", "flag/dark mode?")).code == 0
    assert (await world.aether("kv", "get", "flag/dark mode?")).code == 3
    assert (await world.aether("kv", "delete", "flag/dark mode?")).code == 3
    own = await world.aether("kv", "put", "control/epoch", "x")
    assert (own.code, "control/epoch" in own.err) == (4, True)
    assert (await world.aether("kv", "put", "", "x")).code == 2


async def test_a_reader_that_has_seen_enough(world: World) -> None:
    await world.cluster.write(Put("flag/big", b"x" * 500_000))
    async with world.aether_process("kv", "range", "flag/", "-o", "json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        await process.stdout.read(1)
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined] # the only way to hang up
        async with asyncio.timeout(DEADLINE_S):
            assert await process.stderr.read() == b""
            assert await process.wait() == 1


async def test_nodes_that_do_not_answer(world: World) -> None:
    await world.servers[NodeId("node-1")].stop()
    assert (await world.aether("node", "list")).code == 0
    for server in world.servers.values():
        await server.stop()
    ran = await world.aether("node", "list")
    assert (ran.code, ran.out) == (5, "")
    assert ran.err.count("Connection refused") == 3
    assert "--endpoint" in ran.err


async def test_without_a_quorum(world: World) -> None:
    for name in world.cluster.nodes:
        world.cluster.oracle.cut_off(name)
    assert "none: nothing can be changed now" in (await world.aether("status")).out
    ran = await world.aether("slice", "scale", SHOP, "2")
    assert (ran.code, ran.out) == (5, "")
    assert "hint: more than half of the voters must live" in ran.err
