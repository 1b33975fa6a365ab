"""Long texts are read in turn; who would wait too long, or makes too many wait, is told so."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from aether.api import blueprint_texts
from aether.api.problems import Overloaded
from aether.api.readings import MOST_WAITING, Readings
from tests.api_world import BLUEPRINT, SHOP_1, ApiWorld
from tests.worlds import nodes, with_artifact

LONG = (BLUEPRINT + "# \n" * blueprint_texts.SHORT_TEXT).encode()
SOON_S = 20.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Hold whoever waits for it in the reading thread, at the latest until the test has ended."""
    opened = threading.Event()
    yield opened
    opened.set()


async def test_all_are_read_by_one_thread_beside_the_loop() -> None:
    readings = Readings()
    names = await asyncio.gather(
        *(readings.read(lambda: threading.current_thread().name) for _ in range(MOST_WAITING))
    )
    assert (len(names), readings.waiting) == (MOST_WAITING, 0)
    assert len({*names, threading.current_thread().name}) == 2


async def test_one_too_many_is_refused_at_once_and_told_to_come_again(
    world: ApiWorld, gate: threading.Event
) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    readings = world.context.readings
    async with asyncio.timeout(SOON_S), asyncio.TaskGroup() as tasks:
        held = [
            tasks.create_task(readings.read(lambda: gate.wait(SOON_S))) for _ in range(MOST_WAITING)
        ]
        while readings.waiting < MOST_WAITING:  # noqa: ASYNC110 - they start at the next turn
            await asyncio.sleep(0)
        answer = await world.call("POST", "blueprints", LONG)
        gate.set()
    assert (answer.status, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"] == "1"
    assert [task.result() for task in held] == [True] * MOST_WAITING
    assert (await world.call("POST", "blueprints", LONG)).status == 200


async def test_who_waits_too_long_is_told_so_and_no_longer_counted(gate: threading.Event) -> None:
    readings = Readings(read_s=0.01)
    with pytest.raises(Overloaded, match="not read within"):
        await readings.read(lambda: gate.wait(SOON_S))
    assert readings.waiting == 0
    gate.set()
    assert await Readings().read(lambda: 7) == 7


async def test_what_goes_wrong_in_reading_is_the_callers() -> None:
    def fail() -> None:
        raise ValueError("odd")

    readings = Readings()
    with pytest.raises(ValueError, match="odd"):
        await readings.read(fail)
    assert readings.waiting == 0


async def test_short_texts_are_read_while_long_ones_wait(
    world: ApiWorld, gate: threading.Event
) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    async with asyncio.timeout(SOON_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(world.context.readings.read(lambda: gate.wait(SOON_S)))
        answer = await world.call("POST", "blueprints", BLUEPRINT.encode())
        gate.set()
    assert answer.status == 200
