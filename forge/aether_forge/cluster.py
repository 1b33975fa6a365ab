"""The cluster of a forge: which nodes there are, and what is done to them together."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aether.tasks import Tasks
from aether_forge import directory, processes
from aether_forge.directory import ForgeState
from aether_forge.failures import ForgeError
from aether_forge.layout import MAX_NODES, Layout, name_of, node_arguments
from aether_forge.node_process import NODE_PROGRAM, Ended, NodeProcess
from aether_forge.probe import Probe, is_ready

READY_S = 90.0
STOP_S = 10.0
"""Longest time nodes get to end cleanly before they are killed."""
LOOK_S = 0.2

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One node as `status` shows it."""

    node: str
    state: str
    ready: bool
    pid: int | None
    processes: int
    router: str
    management: str


class Cluster:
    """All nodes of a forge; `say` tells the person at the terminal what happens.

    The caller holds the directory's lock.
    """

    def __init__(
        self,
        layout: Layout,
        state: ForgeState,
        say: Say,
        *,
        program: Sequence[str] = NODE_PROGRAM,
        probe: Probe = is_ready,
    ) -> None:
        self.layout = layout
        self._state = state
        self._say = say
        self._program = tuple(program)
        self._probe = probe
        self._nodes = {number: self._node(number) for number in state.nodes}
        self._watchers = Tasks()
        self._one_at_a_time = asyncio.Lock()

    def _node(self, number: int) -> NodeProcess:
        layout = self.layout
        return NodeProcess(
            number, layout.node_dir(number), layout.log_file(number), layout.ports(number)
        )

    @property
    def numbers(self) -> list[int]:
        """Numbers of all nodes, running or not."""
        return sorted(self._nodes)

    def endpoints(self) -> list[str]:
        """Return the management URLs of the nodes that run."""
        return [self.layout.management_url(n) for n in self.numbers if self._nodes[n].is_running]

    async def up(self) -> None:
        """Start all nodes; what an earlier forge left running is ended first."""
        await end_leftovers(self.layout, self._say)
        directory.save_state(self.layout, self._state)
        founders = set(range(1, self._state.expect + 1))
        for number in self.numbers:
            await self._start(number, (1,) if number in founders else (1, 2))

    async def _start(self, number: int, join: tuple[int, ...]) -> None:
        arguments = node_arguments(self.layout, number, join, self._state.expect)
        await self._nodes[number].start(self._program, arguments)
        self._watchers.start(f"watch {number}", self._watch(self._nodes[number]))

    async def _watch(self, node: NodeProcess) -> None:
        ended = await node.wait_ended()
        if ended is not None:
            self._say(_obituary(ended, self.layout))

    async def wait_ready(self, within_s: float = READY_S) -> None:
        """Wait until every node is ready; raise ForgeError when one ends or time runs out."""
        deadline, told = time.monotonic() + within_s, ""
        while True:
            waiting = [n for n in self.numbers if not await self._probe(self._url(n))]
            if not waiting:
                return
            self._fail_on_ended()
            if time.monotonic() > deadline:
                raise ForgeError(
                    f"{_names(waiting)} not ready within {within_s:g} s; their logs: "
                    + ", ".join(str(self.layout.log_file(n)) for n in waiting)
                )
            progress = f"waiting for {_names(waiting)}"
            if progress != told:
                self._say(progress)
                told = progress
            await asyncio.sleep(LOOK_S)

    def _url(self, number: int) -> str:
        return self.layout.management_url(number)

    def _fail_on_ended(self) -> None:
        for node in self._nodes.values():
            if node.state == "ended":
                raise ForgeError(
                    f"{name_of(node.number)} ended while the cluster came up; the end of "
                    f"{self.layout.log_file(node.number)}:\n{node.last_lines()}"
                )

    async def kill(self, number: int, only: str | None) -> str:
        """Kill a node as a lost machine, or one process of it."""
        async with self._one_at_a_time:
            done = await self._known(number).kill(only)
        self._say(done)
        return done

    async def start(self, number: int) -> str:
        """Start a node that does not run, with the data it had."""
        async with self._one_at_a_time:
            self._known(number)
            others = [n for n in self.numbers if n != number and self._nodes[n].is_running]
            await self._start(number, tuple(dict.fromkeys((1, *others[:1]))))
        done = f"started {name_of(number)}"
        self._say(done)
        return done

    async def add(self) -> str:
        """Start a new node under the next free number; it joins a live one."""
        async with self._one_at_a_time:
            alive = [n for n in self.numbers if self._nodes[n].is_running]
            if not alive:
                raise ForgeError("no node runs that a new one could join; start one first")
            done = await self._add(max(self.numbers) + 1, alive)
        self._say(done)
        return done

    async def provide(self, number: int) -> str:
        """Start node `number` unless it runs, a new one if there is none; say what was done."""
        async with self._one_at_a_time:
            node = self._nodes.get(number)
            if node is not None and node.is_running:
                return f"{name_of(number)} runs"
            alive = [n for n in self.numbers if self._nodes[n].is_running]
            if not alive:
                raise ForgeError("no node runs that a new one could join; start one first")
            if node is None:
                done = await self._add(number, alive)
            else:
                await self._start(number, tuple(alive[:3]))
                done = f"started {name_of(number)}"
        self._say(f"the cluster asked for a node: {done}")
        return done

    async def _add(self, number: int, alive: Sequence[int]) -> str:
        """Start a new node that joins some of those alive, and keep it for the next `up`."""
        if number > MAX_NODES:
            raise ForgeError(f"a forge has at most {MAX_NODES} nodes")
        self._nodes[number] = self._node(number)
        try:
            await self._start(number, tuple(alive[:3]))
        except ForgeError:
            del self._nodes[number]
            raise
        self._state = replace(self._state, nodes=tuple(sorted({*self._state.nodes, number})))
        directory.save_state(self.layout, self._state)
        return (
            f"added {name_of(number)}: router {self.layout.router_url(number)}, "
            f"management {self.layout.management_url(number)}"
        )

    async def status(self) -> list[NodeStatus]:
        """Return what every node is doing."""
        return [await self._status_of(self._nodes[number]) for number in self.numbers]

    async def _status_of(self, node: NodeProcess) -> NodeStatus:
        return NodeStatus(
            node=name_of(node.number),
            state=node.state,
            ready=node.is_running and await self._probe(self._url(node.number)),
            pid=node.pid,
            processes=len(processes.processes_of(node.node_dir)),
            router=self.layout.router_url(node.number),
            management=self.layout.management_url(node.number),
        )

    def _known(self, number: int) -> NodeProcess:
        node = self._nodes.get(number)
        if node is None:
            raise ForgeError(
                f"there is no {name_of(number)}; this forge has {_names(self.numbers)}"
            )
        return node

    async def stop(self) -> None:
        """End all nodes at once; kill what has not ended after `STOP_S`."""
        async with self._one_at_a_time, asyncio.TaskGroup() as group:
            tasks = {n: group.create_task(node.stop(STOP_S)) for n, node in self._nodes.items()}
        for number, task in tasks.items():
            if task.result():
                self._say(f"{name_of(number)} left processes behind, killed them")
        await self._watchers.stop()


async def end_leftovers(layout: Layout, say: Say) -> None:
    """End what an earlier forge on this directory left running when it was killed."""
    left = [path for path in directory.node_dirs(layout) if processes.processes_of(path)]
    if not left:
        return
    say(f"ending what an earlier forge left running: {', '.join(path.name for path in left)}")
    async with asyncio.TaskGroup() as group:
        for path in left:
            group.create_task(processes.end_all(path, STOP_S))


def _names(numbers: Sequence[int]) -> str:
    return ", ".join(name_of(number) for number in numbers)


def _obituary(ended: Ended, layout: Layout) -> str:
    return (
        f"{name_of(ended.number)} ended by itself (exit code {ended.returncode}); "
        f"`aether-forge start {name_of(ended.number)}` starts it again. "
        f"The end of {layout.log_file(ended.number)}:\n{ended.last_lines}"
    )
