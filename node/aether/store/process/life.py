"""The store as a process: arguments, log, lock, pid file, garbage collection, signals."""

import argparse
import asyncio
import gc
import os
import secrets
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from aether.core.model.ids import NodeId
from aether.core.store.machine import KvMachine
from aether.errors import ConfigInvalid
from aether.logs.orders import FILE, OrdersFile
from aether.logs.setup import configure_logs
from aether.ports import Consensus
from aether.store.engine import open_consensus
from aether.store.process.engines import wait_failed
from aether.store.process.lock import take_lock
from aether.store.process.pids import write_own_pid
from aether.store.process.server import StoreServer
from aether.store.process.spec import StoreSpec, read_spec
from aether.tasks import Tasks

log = structlog.get_logger()

OK, FAILED, BAD_SPEC = 0, 1, 2
GC_THRESHOLDS = (50_000, 50, 100)
"""Allocations between two collections of the youngest objects, and how rarely older ones are
looked through. Entries and commands hold no cycles and are freed by their counts."""
LOOK_S = 1.0
"""Between two looks whether a node is connected, and what it says of log levels."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one store until SIGTERM or SIGINT; 0 after a clean stop."""
    parser = argparse.ArgumentParser(
        prog="python -m aether.store", description="The store of one node of Aether."
    )
    parser.add_argument("--spec", required=True, type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        spec = read_spec(options.spec)
        configure_logs("store", spec.node, spec.log_level)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_run(spec))
    except ConfigInvalid as problem:
        parser.exit(BAD_SPEC, "".join(f"aether.store: {line}\n" for line in problem.problems))
    except OSError as problem:
        log.critical("the store cannot be served", problem=str(problem))
        return FAILED


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - a faster loop where there is one; never required
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _run(spec: StoreSpec) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    lock = take_lock(Path(spec.data_dir))
    machine = KvMachine()
    consensus = open_consensus(spec.engine, spec.consensus(machine, secrets.token_hex(8)))
    await consensus.start()
    try:
        return await _serve(spec, consensus, machine, stopping)
    finally:
        await consensus.stop()
        os.close(lock)
        log.info("store stopped")


async def _serve(
    spec: StoreSpec, consensus: Consensus, machine: KvMachine, stopping: asyncio.Event
) -> int:
    """Answer the node until told to stop; FAILED when the engine takes no part any more."""
    pid_file = Path(spec.data_dir) / "run" / "store.pid"
    failed = asyncio.Event()
    tasks = Tasks()
    tasks.start("store-failure", _watch_engine(consensus, failed))
    server = StoreServer(NodeId(spec.node), spec.cluster_id, consensus, machine)
    await server.start(spec.socket)
    try:
        write_own_pid(pid_file)
        _tune_collection()
        log.info("store started", engine=spec.engine, socket=str(spec.socket), raft=spec.port)
        orders = OrdersFile(Path(spec.data_dir) / "run" / FILE)
        await _until_told((stopping, failed), server, spec.alone_s, orders)
    finally:
        pid_file.unlink(missing_ok=True)
        await server.stop()
        await tasks.stop()
    return FAILED if failed.is_set() else OK


async def _watch_engine(consensus: Consensus, failed: asyncio.Event) -> None:
    """Have the process end, and its node start it anew, when its member takes no part any more."""
    fault = await wait_failed(consensus)
    log.critical("the store ends after a fault", problem=repr(fault))
    failed.set()


async def _until_told(
    told: Sequence[asyncio.Event], server: StoreServer, alone_s: float, orders: OrdersFile
) -> None:
    """Return when one of the events is set, or when this process has been alone for too long."""
    while not any(event.is_set() for event in told):
        orders.heed()
        await _pause(told)
        if server.alone_s > alone_s:
            log.warning("no node has been connected, ending", for_s=round(server.alone_s))
            return


async def _pause(told: Sequence[asyncio.Event]) -> None:
    """Wait a moment, less when one of the events is set."""
    try:
        async with asyncio.timeout(LOOK_S), asyncio.TaskGroup() as group:
            waits = [group.create_task(event.wait()) for event in told]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
    except TimeoutError:
        pass


def _tune_collection() -> None:
    """Leave what was loaded out of every collection, and collect seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
