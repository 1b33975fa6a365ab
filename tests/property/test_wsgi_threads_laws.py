"""Laws of the line before the threads, over stories of requests that come, leave and end."""

import asyncio
from collections.abc import Sequence
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from aether.host.wsgi.threads import LINE_PER_THREAD, Threads
from aether.sdk import HttpError

Act = Literal["come", "end", "leave", "cancel"]
STORIES = st.lists(st.sampled_from(["come", "come", "end", "leave", "cancel"]), max_size=60)


class Line:
    """Requests in the order in which they came, by what has become of them."""

    def __init__(self, size: int) -> None:
        self.threads = Threads(size)
        self.waiting: list[tuple[int, asyncio.Event, asyncio.Task[None]]] = []
        self.served: list[int] = []
        self.refused = 0
        self.count = 0

    async def come(self) -> None:
        number, gone = self.count, asyncio.Event()
        self.count += 1

        async def wait_gone() -> None:
            await gone.wait()

        async def stand() -> None:
            try:
                if await self.threads.place(wait_gone):
                    self.served.append(number)
            except HttpError:
                self.refused += 1

        task = asyncio.get_running_loop().create_task(stand())
        self.waiting.append((number, gone, task))

    def act(self, act: Act, at: int) -> None:
        if act == "end" and self.threads.busy:
            self.threads.release()
        elif act in ("leave", "cancel") and self.waiting:
            _, gone, task = self.waiting[at % len(self.waiting)]
            if act == "leave":
                gone.set()
            else:
                task.cancel()

    async def settle(self) -> None:
        for _ in range(8):  # turns of the loop: a place is handed on in three
            await asyncio.sleep(0)
        self.waiting = [each for each in self.waiting if not each[2].done()]


async def played(size: int, story: Sequence[Act]) -> Line:
    line = Line(size)
    for at, act in enumerate(story):
        if act == "come":
            await line.come()
        else:
            line.act(act, at)
        await line.settle()
        assert 0 <= line.threads.busy <= size
        assert line.threads.waiting == len(line.waiting) <= size * LINE_PER_THREAD
        assert not (line.waiting and line.threads.busy < size), "nobody waits beside a free thread"
    return line


@given(st.integers(1, 3), STORIES)
def test_threads_are_never_too_many_nor_idle_beside_a_line(size: int, story: list[Act]) -> None:
    line = asyncio.run(played(size, story))
    assert len(line.served) == len(set(line.served))


@given(st.integers(1, 3), STORIES)
def test_who_came_first_is_served_first(size: int, story: list[Act]) -> None:
    line = asyncio.run(played(size, story))
    assert line.served == sorted(line.served)


@given(st.integers(1, 3), STORIES)
def test_every_place_comes_back(size: int, story: list[Act]) -> None:
    async def play() -> Line:
        line = await played(size, story)
        while line.threads.busy:
            line.threads.release()
            await line.settle()
        return line

    line = asyncio.run(play())
    assert (line.threads.waiting, line.waiting, line.refused) == (0, [], 0)


async def test_what_is_over_the_line_is_refused() -> None:
    line = await played(1, ["come"] * (LINE_PER_THREAD + 4))
    assert (line.threads.busy, line.threads.waiting, line.refused) == (1, LINE_PER_THREAD, 3)
    for _, gone, _ in line.waiting:
        gone.set()
    await line.settle()
    assert (line.threads.busy, line.threads.waiting) == (1, 0)
