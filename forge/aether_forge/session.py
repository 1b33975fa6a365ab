"""One `aether-forge up`, from its lock to the last process it ends."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from aether.core.raft.membership import MAX_VOTERS
from aether_forge import control, directory
from aether_forge.cluster import Cluster, end_leftovers
from aether_forge.directory import ForgeState
from aether_forge.failures import ForgeError
from aether_forge.guide import guide
from aether_forge.layout import MAX_NODES, Layout
from aether_forge.node_process import NODE_PROGRAM
from aether_forge.processes import PARTS
from aether_forge.provider import providing

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What `up` was asked for."""

    data_dir: Path
    nodes: int = 3
    port_offset: int | None = None
    """None: as the directory was made, 0 for a new one."""
    fresh: bool = False
    artifacts: tuple[Path, ...] = ()
    blueprints: tuple[Path, ...] = ()
    auto_heal: int = 0
    """Nodes the cluster is to have: a lost one is replaced by a new one. 0: nobody is."""


class _InterruptedError(Exception):
    """The person at the terminal wants the end."""


async def run_up(options: UpOptions, say: Say, *, program: Sequence[str] = NODE_PROGRAM) -> None:
    """Bring the cluster up and keep it until SIGINT, SIGTERM or SIGHUP; leave no process.

    Raises ForgeError when it does not come up.
    """
    layout = Layout(options.data_dir)
    with directory.locked(layout):
        stop = _stop_event()
        if options.fresh:
            await end_leftovers(layout, say)
            directory.empty(layout)
        state = resume(options, directory.load_state(layout))
        cluster = Cluster(replace(layout, offset=state.port_offset), state, say, program=program)
        try:
            async with (
                _until(stop),
                control.listening(layout.socket, handler_of(cluster)),
                providing(cluster),
            ):
                await cluster.up()
                await cluster.wait_ready()
                await _deploy(cluster, options, say)
                say("Ctrl-C stops the cluster.")
                await asyncio.Event().wait()
        finally:
            say("stopping")
            await cluster.stop()


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    return stop


@contextlib.asynccontextmanager
async def _until(stop: asyncio.Event) -> AsyncIterator[None]:
    """Cancel the block when `stop` is set; errors of the block come out as they are."""

    async def interrupt() -> None:
        await stop.wait()
        raise _InterruptedError

    failures: list[Exception] = []
    try:
        async with asyncio.TaskGroup() as group:
            interrupter = group.create_task(interrupt())
            yield
            interrupter.cancel()
    except* _InterruptedError:
        pass
    except* ForgeError as problems:
        failures.extend(problems.exceptions)
    if failures:
        raise failures[0]


def resume(options: UpOptions, saved: ForgeState | None) -> ForgeState:
    """Return what to run: the saved cluster, grown to the nodes asked for, or a new one."""
    asked = tuple(range(1, options.nodes + 1))
    if saved is None:
        return ForgeState(
            port_offset=options.port_offset or 0,
            expect=min(options.nodes, MAX_VOTERS),
            nodes=asked,
        )
    if options.port_offset not in (None, saved.port_offset):
        raise ForgeError(
            f"the cluster in {options.data_dir} was made with --port-offset {saved.port_offset}, "
            f"and its members know each other by those ports; leave --port-offset out, or make a "
            "new cluster with --fresh"
        )
    return replace(
        saved,
        expect=min(saved.expect, MAX_VOTERS),
        nodes=tuple(sorted({*saved.nodes, *asked})),
    )


def handler_of(cluster: Cluster) -> control.Handler:
    """Return what answers commands from other shells."""

    async def handle(request: dict[str, Any]) -> Any:  # noqa: ANN401 - msgpack values
        match request:
            case {"op": "status"}:
                return [asdict(node) for node in await cluster.status()]
            case {"op": "add"}:
                return await cluster.add()
            case {"op": "start", "node": int(number)}:
                return await cluster.start(number)
            case {"op": "kill", "node": int(number), "only": None | str() as only}:
                if only is not None and only not in PARTS:
                    raise ForgeError(f"{only!r} is none of {', '.join(PARTS)}")
                return await cluster.kill(number, only)
            case _:
                raise ForgeError(f"not a command of this forge: {str(request)[:200]}")

    return handle


async def _deploy(cluster: Cluster, options: UpOptions, say: Say) -> None:
    """Push and apply what was asked for, and say what can be tried."""
    from aether_forge.deploy import Deployment  # noqa: PLC0415 - a bare cluster needs none of it

    cancelled = threading.Event()

    def work() -> tuple[list[dict[str, Any]], list[str]]:
        deployment = Deployment(cluster.endpoints(), say, cancelled)
        if options.auto_heal:
            deployment.want_nodes(options.auto_heal, min(2 * options.auto_heal, MAX_NODES))
        for artifact in options.artifacts:
            deployment.push(artifact)
        for blueprint in options.blueprints:
            deployment.apply(blueprint)
        return deployment.routes(), [path.read_text() for path in options.blueprints]

    try:
        routes, sources = await asyncio.to_thread(work)
    finally:
        cancelled.set()  # a thread cannot be cancelled; it ends at its next wait
    say(guide(cluster.layout, cluster.numbers, routes, sources))
