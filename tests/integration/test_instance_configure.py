"""Settings changed while a slice runs: a real launcher, real hosts, the slice's own `configure`."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator

import pytest

from aether.core.model.records import Manifest
from aether.core.model.slice_settings import settings_digest
from aether.errors import Unavailable
from aether.ports import HostStatus
from tests.integration.host_rig import HostRig, eventually, host_rig, http

SHOP = """
    import asyncio
    from aether import Slice, get

    class Shop(Slice):
        async def start(self):
            self.told = []
            self.first = self.config.get("currency")

        async def configure(self, config):
            if config.get("currency") == "bad":
                raise ValueError("no such currency")
            if config.get("currency") == "slow":
                await asyncio.Event().wait()
            if config.get("currency") == "exit":
                raise SystemExit(3)
            self.told.append(config.get("currency"))

        @get("/settings")
        async def show(self):
            return {"first": self.first, "now": self.config.get("currency"), "told": self.told}
"""


PLAIN = """
    import json

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError("not spoken here")
        body = json.dumps(dict(scope["state"]["aether_config"])).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture
async def rig() -> AsyncIterator[HostRig]:
    async with host_rig() as made:
        made.write("shop", SHOP)
        yield made


async def shown(socket: str) -> dict[str, object]:
    answer = await http(socket, "GET", "/settings")
    found: dict[str, object] = json.loads(answer.body)
    return found


def settings(currency: str) -> bytes:
    return json.dumps({"currency": currency}).encode()


async def give(rig: HostRig, manifest: Manifest, currency: str) -> HostStatus:
    return await rig.client.configure(rig.spec(manifest).instance, settings(currency))


async def test_new_settings_are_shown_and_told_without_a_restart(rig: HostRig) -> None:
    manifest = rig.manifest("shop:Shop")
    socket = await rig.serve(manifest, config=settings("EUR"))
    (before,) = await rig.client.hosts()
    assert before.settings == settings_digest(settings("EUR"))
    status = await give(rig, manifest, "USD")
    assert (status.pid, status.state) == (before.pid, "active")
    assert (status.settings, status.settings_problem) == (settings_digest(settings("USD")), "")
    assert await shown(socket) == {"first": "EUR", "now": "USD", "told": ["USD"]}
    await asyncio.gather(*(give(rig, manifest, text) for text in ("A", "B", "C")))
    assert (await shown(socket))["told"] == ["USD", "A", "B", "C"], "in order, the last one wins"
    assert (await shown(socket))["now"] == "C"


async def test_what_is_set_before_the_start_is_no_change(rig: HostRig) -> None:
    manifest = rig.manifest("shop:Shop")
    spec = rig.spec(manifest, config=settings("EUR"))
    await rig.client.load(spec)
    await give(rig, manifest, "USD")
    socket = (await rig.client.activate(spec.instance, 10.0)).socket
    assert await shown(socket) == {"first": "USD", "now": "USD", "told": []}


@pytest.mark.parametrize("currency", ["bad", "exit"])
async def test_a_slice_that_does_not_take_its_settings_goes_on(rig: HostRig, currency: str) -> None:
    manifest = rig.manifest("shop:Shop")
    socket = await rig.serve(manifest, config=settings("EUR"))
    status = await give(rig, manifest, currency)
    assert status.state == "active"
    assert status.settings == settings_digest(settings(currency))
    assert "configure" in status.settings_problem
    assert (await shown(socket))["now"] == currency
    assert "did not take its settings" in rig.log(manifest)
    assert (await give(rig, manifest, "USD")).settings_problem == ""


async def test_a_configure_that_hangs_is_cut_off_and_holds_up_no_stop(rig: HostRig) -> None:
    manifest = rig.manifest("shop:Shop")
    await rig.serve(manifest, config=settings("EUR"))

    async def has_begun() -> bool:
        (host,) = await rig.client.hosts()
        return host.settings == settings_digest(settings("slow"))

    async with asyncio.TaskGroup() as group:
        giving = group.create_task(give(rig, manifest, "slow"))
        await eventually(has_begun, "the settings are there")
        began = asyncio.get_running_loop().time()
        stopped = await rig.client.deactivate(rig.spec(manifest).instance, 1.0)
        assert asyncio.get_running_loop().time() - began < 4.0, "it did not wait for configure"
    assert stopped.state == "loaded"
    assert "cut off" in giving.result().settings_problem


async def test_an_asgi_application_reads_new_settings_in_its_state(rig: HostRig) -> None:
    rig.write("plain", PLAIN)
    manifest = rig.manifest("plain:app", kind="asgi", prefix="/")
    socket = await rig.serve(manifest, config=settings("EUR"))
    assert await shown(socket) == {"currency": "EUR"}
    status = await give(rig, manifest, "USD")
    assert (status.state, status.settings_problem) == ("active", "")
    assert await shown(socket) == {"currency": "USD"}


async def test_a_new_launcher_hears_which_settings_its_hosts_have(rig: HostRig) -> None:
    manifest = rig.manifest("shop:Shop")
    await rig.serve(manifest, config=settings("EUR"))
    await give(rig, manifest, "bad")
    os.kill(rig.process.pid, signal.SIGKILL)
    rig.process.wait(10)
    rig.start_launcher()

    async def is_known() -> bool:
        try:
            hosts = await rig.client.hosts()
        except Unavailable:
            return False
        return [host.settings for host in hosts] == [settings_digest(settings("bad"))]

    await eventually(is_known, "the host has told its settings")
    (host,) = await rig.client.hosts()
    assert "no such currency" in host.settings_problem
