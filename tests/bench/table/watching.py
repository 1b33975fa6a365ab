"""What five routers and the store of a real cluster say while it is changed: when, and by which table.

Times are `time.perf_counter` of this process; routers and stores run on the same machine.
"""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Phase
from aether.core.model.records import PhaseRecord, decode
from aether.core.store.commands import Entry
from aether.store.remote.store import RemoteStore
from aether.tasks import Tasks

LOOK_S = 0.002
"""Between two looks at a router's table: what is measured is late by this and the look itself."""
ASK_S = 0.01
"""Between two requests of one client."""
PATH = "/hello/world"


@dataclass(frozen=True, slots=True)
class Commit:
    """A change as the store told it: what, which instance or slice, at which revision, and when."""

    what: str
    who: str
    revision: int
    at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it began, and who answered it."""

    router: int
    began: float
    status: int
    instance: str


@dataclass
class Seen:
    """Everything that was noticed."""

    commits: list[Commit] = field(default_factory=list)
    tables: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    """By router: when it was first seen to use a table of which revision."""
    answers: list[Answer] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    """By instance: whether it came or left last."""

    def in_use(self, router: int, revision: int) -> float | None:
        """Return when a router was first seen to use this revision or a later one."""
        return next((at for at, used in self.tables[router] if used >= revision), None)

    def everywhere(self, revision: int) -> float | None:
        """Return when all routers were; None when one was not yet."""
        times = [self.in_use(router, revision) for router in self.tables]
        known = [at for at in times if at is not None]
        return max(known) if len(known) == len(times) else None

    def late(self) -> list[Answer]:
        """Return answers of instances that had left the table of that router before the request."""
        return [answer for answer in self.answers if self._had_left(answer)]

    def _had_left(self, answer: Answer) -> bool:
        states = [each for each in self.commits if each.who == answer.instance]
        for commit, later in itertools.zip_longest(states, states[1:]):
            gone = self.in_use(answer.router, commit.revision) if commit.what == "leaves" else None
            back = later.at if later is not None else float("inf")
            if gone is not None and gone < answer.began < back:
                return True
        return False


@asynccontextmanager
async def watching(data_dir: Path, leader: int, ports: dict[int, int]) -> AsyncIterator[Seen]:
    """Follow the store of the leading node and ask the routers, whose public ports these are."""
    seen, tasks = Seen(tables={router: [] for router in ports}), Tasks()
    store = _store(data_dir / f"node-{leader}", leader)
    await store.start()
    try:
        present = await store.range(keys.PHASES)
        for entry in present.entries:
            for commit in _told(entry.key, entry, present.revision):
                seen.states[commit.who] = commit.what
        for prefix in (keys.PHASES, keys.TRAFFIC):
            tasks.start(f"watch {prefix}", _follow(store, prefix, seen))
        for router, port in ports.items():
            socket = data_dir / f"node-{router}" / "run" / "router.sock"
            tasks.start(f"look at {router}", _look(socket, seen.tables[router]))
            tasks.start(f"ask {router}", _ask(router, port, seen))
        yield seen
    finally:
        await tasks.stop()
        await store.close()


def _store(node_dir: Path, number: int) -> RemoteStore:
    identity = json.loads((node_dir / "node.json").read_text())
    socket = node_dir / "run" / "store.sock"
    return RemoteStore(socket, NodeId(f"node-{number}"), identity["cluster_id"])


async def _follow(store: RemoteStore, prefix: str, seen: Seen) -> None:
    async for changes in store.watch(prefix):
        for change in changes.changes:
            for commit in _told(change.key, change.entry, changes.revision):
                if commit.what == "weight" or seen.states.get(commit.who, "leaves") != commit.what:
                    seen.commits.append(commit)  # else a fact was written again as it was
                seen.states[commit.who] = commit.what


def _told(key: str, entry: Entry | None, revision: int) -> Iterator[Commit]:
    """Yield what routers have to know of one key."""
    at = time.perf_counter()
    if key.startswith(keys.TRAFFIC):
        yield Commit("weight", key, revision, at)
    elif entry is not None:
        state = decode(entry.value, PhaseRecord).state
        what = {Phase.ACTIVE: "comes", Phase.DEACTIVATING: "leaves"}.get(state)
        instance = key.removeprefix(keys.PHASES).partition("/")[2]
        if what is not None:
            yield Commit(what, instance, revision, at)


async def _look(socket: Path, uses: list[tuple[float, int]]) -> None:
    """Note each table a router works by."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        while True:
            writer.write(b"GET /_aether/health HTTP/1.1\r\nhost: router\r\n\r\n")
            _, _, body = await _answer(reader)
            revision = int(json.loads(body)["revision"])
            if not uses or uses[-1][1] < revision:
                uses.append((time.perf_counter(), revision))
            await asyncio.sleep(LOOK_S)
    finally:
        writer.close()


async def _ask(router: int, port: int, seen: Seen) -> None:
    """Be a client that asks every 10 ms, over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            began = time.perf_counter()
            writer.write(f"GET {PATH} HTTP/1.1\r\nhost: bench\r\n\r\n".encode())
            status, instance, _ = await _answer(reader)
            seen.answers.append(Answer(router, began, status, instance))
            await asyncio.sleep(ASK_S)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str, bytes]:
    """Return status, instance and body of an answer that has a length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(fields.get("content-length", "0")))
    return int(head[0].split()[1]), fields.get("x-aether-instance", ""), body
