"""The advisor of the example over real HTTP, and what every kind of answer means."""

import asyncio
import importlib.util
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import time
from http.server import HTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import web

from aether.config.advisor import AdvisorConfig
from aether.control.advising import Advising
from aether.core.control.proposals import MAX_ANSWER_BYTES, read_answer
from aether.errors import Conflict, Unavailable
from aether.node.advisor import HttpAdvisor
from tests.integration.contracts.raft_cluster import free_port
from tests.scaling_world import ScalingWorld, load
from tests.worlds import SHOP

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/advisor/advisor.py"
ALL_DAY = {SHOP: [{"from": "00:00", "until": "23:59:59.999999", "instances": 6, "why": "lunch"}]}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_advisor", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def running_example() -> Iterator[str]:
    module = example()
    module.Handler.plan = ALL_DAY
    module.Handler.log_message = lambda *_: None
    server = HTTPServer(("127.0.0.1", 0), module.Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_the_example_is_asked_and_what_it_proposes_is_done() -> None:
    world = ScalingWorld()
    await world.second(load(60.0), times=3)
    with running_example() as url:
        advisor = HttpAdvisor(AdvisorConfig(url=url))
        advising = Advising(
            world.loop, world.control, advisor, world.clock, interval_s=1.0, dry_run=False
        )
        await advising.ask()
    await world.second(load(60.0))
    assert advising.problem == ""
    assert world.control.scale[SHOP].instances == 6
    assert "(lunch)" in world.control.scale[SHOP].because.text


def test_the_example_proposes_at_its_hours_and_within_the_bounds() -> None:
    plan = {"a:b": [{"from": "11:45", "until": "13:00", "instances": 6, "why": "lunch"}]}
    figures = {"slice": "a:b", "instances": 2, "most": 4, "held": ""}
    proposals = example().proposals
    wanted = [{"slice": "a:b", "instances": 4, "reason": "lunch"}]
    assert proposals([figures], plan, time(12, 0)) == wanted
    assert read_answer(json.dumps({"proposals": wanted}).encode())[0].instances == 4
    assert proposals([figures], plan, time(13, 0)) == []
    assert proposals([{**figures, "held": "a roll-out runs"}], plan, time(12, 0)) == []
    assert proposals([{**figures, "instances": 4}], plan, time(12, 0)) == []


async def test_figures_and_token_are_sent(tmp_path: Path) -> None:
    seen: list[tuple[bytes, str | None]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((await request.read(), request.headers.get("authorization")))
        return web.json_response({})

    token = tmp_path / "token"
    token.write_text("secret\n")
    async with answering(take) as url:
        config = AdvisorConfig(url=url, token_file=str(token))
        assert await HttpAdvisor(config).advise(b'{"slices":[]}') == b"{}"
    assert seen == [(b'{"slices":[]}', "Bearer secret")]


async def test_redirects_are_not_followed_and_errors_are_no_advice() -> None:
    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/")

    async def broken(request: web.Request) -> web.Response:
        return web.Response(status=500)

    for handler, status in ((moved, "302"), (broken, "500")):
        async with answering(handler) as url:
            with pytest.raises(Unavailable, match=status):
                await HttpAdvisor(AdvisorConfig(url=url)).advise(b"{}")


async def test_a_long_answer_is_cut_and_refused() -> None:
    async def long(request: web.Request) -> web.Response:
        return web.Response(body=b" " * (10 * MAX_ANSWER_BYTES))

    async with answering(long) as url:
        told = await HttpAdvisor(AdvisorConfig(url=url)).advise(b"{}")
    assert len(told) == MAX_ANSWER_BYTES + 1
    with pytest.raises(ValueError, match="at most"):
        read_answer(told)


async def test_nobody_and_nobody_in_time() -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    with pytest.raises(Unavailable, match="cannot be reached"):
        await HttpAdvisor(AdvisorConfig(url=f"http://127.0.0.1:{free_port()}/")).advise(b"{}")
    async with answering(slow) as url:
        with pytest.raises(Unavailable, match=r"did not answer in 0\.1 s"):
            await HttpAdvisor(AdvisorConfig(url=url, timeout_s=0.1)).advise(b"{}")


async def test_a_token_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "token"
    empty.write_text("")
    with pytest.raises(Conflict, match="holds no token"):
        await HttpAdvisor(AdvisorConfig(url="http://h/", token_file=str(empty))).advise(b"{}")
    empty.unlink()
    with pytest.raises(Conflict, match="cannot be read"):
        await HttpAdvisor(AdvisorConfig(url="http://h/", token_file=str(empty))).advise(b"{}")


def test_its_configuration_is_checked(tmp_path: Path) -> None:
    wrong = AdvisorConfig(
        url="file:///etc/passwd", token_file=str(tmp_path / "no"), interval_s=0.1, timeout_s=0.0
    )
    assert [name for name, _ in wrong.problems()] == [
        "url",
        "token_file",
        "interval_s",
        "timeout_s",
    ]
    assert list(AdvisorConfig(url="https://h:1/x").problems()) == []
