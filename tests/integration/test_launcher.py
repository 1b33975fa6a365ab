"""The launcher as a real process: forking, steering, adopting and ending real hosts."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from aether.core.model.ids import InstanceId
from aether.errors import SliceFailed
from aether.host.paths import HostPaths
from aether.host.pidfile import read_pid
from aether.ports import HostExited
from tests.integration.host_rig import HostRig, eventually, host_rig, http

SLICE = """
    import asyncio, os, subprocess, sys
    from aether import Slice, get, call, Request

    class Sample(Slice):
        started = False

        async def start(self):
            self.started = True
            if self.config.get("fail"):
                raise RuntimeError("cannot start today")
            if self.config.get("slow"):
                await asyncio.Event().wait()

        async def stop(self):
            print("stopped in order", flush=True)

        @get("/hello/{name}")
        async def hello(self, name: str, times: int = 1) -> dict:
            return {"hello": name * times, "started": self.started}

        @get("/slow")
        async def slow(self, seconds: float) -> str:
            await asyncio.sleep(seconds)
            return "done"

        @get("/exit")
        async def exit(self) -> None:
            print("last words", flush=True)
            os._exit(7)

        @get("/child")
        async def child(self) -> int:
            return subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]).pid

        @get("/hang")
        async def hang(self) -> None:
            import signal
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pause()

        @call()
        async def add(self, a: int, b: int = 2) -> int:
            return a + b
"""


@pytest.fixture
async def rig() -> AsyncIterator[HostRig]:
    async with host_rig() as made:
        made.write("sample", SLICE)
        yield made


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def exists(path: str) -> bool:
    return Path(path).exists()


def mode_of(path: str) -> int:
    return Path(path).stat().st_mode & 0o777


async def next_exit(rig: HostRig) -> HostExited:
    async for exited in rig.client.exits():
        return exited
    raise AssertionError("the stream of exits ended")


async def test_a_slice_goes_through_its_whole_life(rig: HostRig) -> None:
    manifest = rig.manifest("sample:Sample")
    loaded = await rig.client.load(rig.spec(manifest))
    assert loaded.state == "loaded"
    assert loaded.methods == ("add",)
    assert ("GET", "/hello/{name}") in {(route.method, route.pattern) for route in loaded.routes}

    active = await rig.client.activate(loaded.instance, 10.0)
    answer = await http(active.socket, "GET", "/hello/bob?times=2")
    assert (answer.status, answer.body) == (200, b'{"hello":"bobbob","started":true}')
    assert mode_of(active.socket) == 0o600
    assert os.getsid(active.pid) == rig.process.pid
    assert [host.state for host in await rig.client.hosts()] == ["active"]
    assert psutil.Process(active.pid).cmdline()[0].startswith("aether: host org.example:sample")

    assert (await rig.client.deactivate(loaded.instance, 1.0)).state == "loaded"
    assert not exists(active.socket)
    assert "stopped in order" in rig.log(manifest)

    await rig.client.unload(loaded.instance)
    await rig.client.unload(loaded.instance)
    assert await rig.client.hosts() == ()
    assert not alive(active.pid)


async def test_settings_reach_the_slice_and_a_failing_start_is_transient(rig: HostRig) -> None:
    manifest = rig.manifest("sample:Sample")
    spec = rig.spec(manifest, config=b'{"fail": true}')
    await rig.client.load(spec)
    with pytest.raises(SliceFailed, match="cannot start today") as failed:
        await rig.client.activate(spec.instance, 10.0)
    assert failed.value.fields["kind"] == "transient"
    assert "RuntimeError" in str(failed.value.fields["trace"])
    assert [host.state for host in await rig.client.hosts()] == ["loaded"]


async def test_a_start_that_takes_too_long_is_cut_off(rig: HostRig) -> None:
    spec = rig.spec(rig.manifest("sample:Sample"), config=b'{"slow": true}')
    await rig.client.load(spec)
    with pytest.raises(SliceFailed, match=r"start\(\) took longer than 5.0 s"):
        await rig.client.activate(spec.instance, 10.0)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module_anywhere", "no_such_module_anywhere"),
        ("def broken(:", "SyntaxError"),
        ("Sample = 5", "not a class derived from aether.Slice"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("import os; os._exit(9)", "exit code 9"),
    ],
)
async def test_an_artifact_that_does_not_import_is_a_fatal_failure(
    rig: HostRig, source: str, message: str
) -> None:
    rig.write("broken", source)
    spec = rig.spec(rig.manifest("broken:Sample"))
    with pytest.raises(SliceFailed, match=message) as failed:
        await rig.client.load(spec)
    assert failed.value.fields["kind"] == "fatal"
    await rig.client.unload(spec.instance)
    assert await rig.client.hosts() == ()
    with pytest.raises(SliceFailed, match=message):
        await rig.client.probe(rig.manifest("broken:Sample"), [str(rig.sources)])


async def test_a_probe_tells_what_the_slice_offers_and_leaves_nothing(rig: HostRig) -> None:
    found = await rig.client.probe(rig.manifest("sample:Sample"), [str(rig.sources)])
    assert found.methods == ("add",)
    assert len(found.routes) == 5

    def nothing_left() -> bool:
        return not psutil.Process(rig.process.pid).children() and not list(
            (rig.data_dir / "logs").iterdir()
        )

    await eventually(nothing_left, "the probe and its log are gone")
    assert await rig.client.hosts() == ()


async def test_an_exit_is_reported_with_the_last_lines(rig: HostRig) -> None:
    socket = await rig.serve(rig.manifest("sample:Sample"))
    waiting = asyncio.get_running_loop().create_task(next_exit(rig))
    await asyncio.sleep(0)
    with contextlib.suppress(ConnectionError, IndexError):
        await http(socket, "GET", "/exit")
    async with asyncio.timeout(10):
        exited = await waiting
    assert not exited.expected
    assert exited.detail.startswith("exit code 7")
    assert "last words" in exited.detail
    assert await rig.client.hosts() == ()
    assert not exists(socket)


async def test_unload_ends_the_whole_tree_even_of_a_host_that_hangs(rig: HostRig) -> None:
    manifest = rig.manifest("sample:Sample")
    socket = await rig.serve(manifest)
    child = int((await http(socket, "GET", "/child")).body)
    (host,) = await rig.client.hosts()
    assert alive(child)
    hanging = asyncio.get_running_loop().create_task(http(socket, "GET", "/hang"))
    await eventually(lambda: hang_began(host.pid), "the host hangs")
    await rig.client.unload(host.instance)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    assert not alive(host.pid)
    await eventually(lambda: not alive(child), "the grandchild is gone")


def hang_began(pid: int) -> bool:
    """Whether the host ignores SIGTERM by now."""
    with Path(f"/proc/{pid}/status").open(encoding="ascii") as status:
        ignored = next(line for line in status if line.startswith("SigIgn:")).split()[1]
    return bool(int(ignored, 16) & (1 << (signal.SIGTERM - 1)))


async def test_draining_lets_requests_in_flight_finish(rig: HostRig) -> None:
    manifest = rig.manifest("sample:Sample")
    socket = await rig.serve(manifest)
    instance = InstanceId.of(manifest.artifact, 0)
    loop = asyncio.get_running_loop()
    request = loop.create_task(http(socket, "GET", "/slow?seconds=0.7"))

    async def busy() -> bool:
        return [host.in_flight for host in await rig.client.hosts()] == [1]

    await eventually(busy, "the request is in flight and counted")
    draining = loop.create_task(rig.client.deactivate(instance, 10.0))
    answer = await request
    assert (answer.status, answer.body) == (200, b'"done"')
    assert answer.headers["connection"] == "close"
    assert (await draining).state == "loaded"


async def test_what_does_not_finish_in_time_is_cut_off(rig: HostRig) -> None:
    manifest = rig.manifest("sample:Sample")
    socket = await rig.serve(manifest)
    request = asyncio.get_running_loop().create_task(http(socket, "GET", "/slow?seconds=60"))

    async def busy() -> bool:
        return [host.in_flight for host in await rig.client.hosts()] == [1]

    await eventually(busy, "the request is in flight and counted")
    await rig.client.deactivate(InstanceId.of(manifest.artifact, 0), 0.2)
    with pytest.raises((ConnectionError, IndexError)):
        await request


async def test_hosts_survive_the_launcher_and_are_adopted_by_the_next(rig: HostRig) -> None:
    manifest = rig.manifest("sample:Sample")
    socket = await rig.serve(manifest)
    (before,) = await rig.client.hosts()
    old = rig.process
    old.send_signal(signal.SIGKILL)
    old.wait(10)
    assert (await http(socket, "GET", "/hello/still")).status == 200

    rig.start_launcher()
    assert read_pid(HostPaths(rig.data_dir).launcher_pid) != old.pid

    async def adopted() -> bool:
        return [host.state for host in await rig.client.hosts()] == ["active"]

    await eventually(adopted, "the host is adopted")
    (after,) = await rig.client.hosts()
    assert (after.pid, after.token, after.routes) == (before.pid, before.token, before.routes)
    assert (await http(after.socket, "GET", "/hello/again")).status == 200

    waiting = asyncio.get_running_loop().create_task(next_exit(rig))
    await asyncio.sleep(0)
    os.kill(after.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        exited = await waiting
    assert (exited.pid, exited.expected) == (after.pid, False)


async def test_hosts_survive_the_node(rig: HostRig) -> None:
    socket = await rig.serve(rig.manifest("sample:Sample"))
    await rig.client.stop()
    assert (await http(socket, "GET", "/hello/x")).status == 200
    await rig.client.start()
    assert [host.state for host in await rig.client.hosts()] == ["active"]


async def test_a_second_launcher_of_a_directory_does_not_start(rig: HostRig) -> None:
    await rig.client.hosts()
    first = rig.process
    assert rig.start_launcher().wait(20) == 3
    rig.process = first
    assert await rig.client.hosts() == ()


async def test_sigterm_ends_all_hosts_and_the_launcher(rig: HostRig) -> None:
    await rig.serve(rig.manifest("sample:Sample"))
    (host,) = await rig.client.hosts()
    rig.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(rig.process.wait, 10) == 0
    assert not alive(host.pid)
    assert "stopped in order" in rig.log(rig.manifest("sample:Sample"))
    assert not list((rig.data_dir / "run").glob("*.sock"))
    rig.start_launcher()  # for the rig's own end


async def test_asking_for_what_is_not_there_is_a_clear_failure(rig: HostRig) -> None:
    with pytest.raises(SliceFailed, match="has no host on this node"):
        await rig.client.activate(InstanceId("org.example:none:1.0.0/0"), 1.0)
    spec = rig.spec(rig.manifest("sample:Sample"))
    first = await rig.client.load(spec)
    assert (await rig.client.load(spec)).pid == first.pid
