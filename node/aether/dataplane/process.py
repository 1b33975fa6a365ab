"""The router as a process: arguments, log, pid file, signals."""

import argparse
import asyncio
import os
import signal
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import structlog
import uvloop

from aether.core.model.ids import parse_node_id
from aether.dataplane.certificates import BadCertificate
from aether.dataplane.limits import Limits, raise_open_files
from aether.dataplane.listeners import Places, worker_name
from aether.dataplane.router import Router
from aether.dataplane.settings import MOST_WORKERS, RouterSettings, read_settings
from aether.logs.process import ProcessLogs
from aether.logs.setup import configure_logs

log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None, prog: str = "python -m aether.dataplane") -> int:
    """Run a router until SIGTERM or SIGINT, or until another process has replaced it.

    Return 0 after a clean end, 1 when it cannot serve.
    """
    options = _read_arguments(arguments, prog)
    settings: RouterSettings = options.settings
    configure_logs(worker_name(options.worker), settings.node)
    places = Places(data_dir=options.data_dir, worker=options.worker, workers=settings.workers)
    limits = Limits(
        clients=raise_open_files(),
        drain_s=settings.drain_s,
        trusted=settings.trusted,
        address_clients=settings.address_clients,
    )
    try:
        uvloop.run(_serve(places, settings, limits))
    except (OSError, BadCertificate) as problem:
        log.critical("router cannot serve", problem=str(problem), bind=settings.bind)
        return 1
    return 0


async def _serve(places: Places, settings: RouterSettings, limits: Limits) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    router = Router(places, settings, limits, ProcessLogs())
    pid_file = places.run / f"{places.name}.pid"
    try:
        if not await _unless(stopping, router.start()):
            return
        await router.relieve()
        _write_pid(pid_file)
        if await _unless(stopping, router.replaced.wait()):
            await _unless(stopping, router.finish())
        _remove_pid(pid_file)
    finally:
        await router.stop()


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, object]) -> bool:
    """Do `work` to its end, or until `stopping` is set; whether it came to its end."""
    async with asyncio.TaskGroup() as group:
        doing = group.create_task(work)
        waiting = group.create_task(stopping.wait())
        await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
        is_done = doing.done()
        doing.cancel()
        waiting.cancel()
    return is_done


def _write_pid(path: Path) -> None:
    """Write `pid start-time`: the start time tells this process from a later one of that pid."""
    started = psutil.Process().create_time()
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(f"{os.getpid()} {started}\n")
    temporary.replace(path)


def _remove_pid(path: Path) -> None:
    """Remove the pid file, unless it is that of the process that replaced this one."""
    with suppress(OSError, ValueError, IndexError):
        if int(path.read_text().split()[0]) == os.getpid():
            path.unlink()


def _read_arguments(arguments: Sequence[str] | None, prog: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="One router process of a node of Aether. Without --node-id it does as the "
        "node that owns the data directory told its routers last, and needs no node.",
    )
    parser.add_argument("--data-dir", required=True, type=_existing_folder)
    parser.add_argument("--worker", default=0, type=_worker, help="which of the node's, from 0")
    parser.add_argument("--node-id")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=_port)
    parser.add_argument("--mesh-port", type=_port)
    options = parser.parse_args(arguments)
    try:
        options.settings = _settings(options)
        parse_node_id(options.settings.node)
    except ValueError as problem:
        parser.error(str(problem))
    return options


def _settings(options: argparse.Namespace) -> RouterSettings:
    if options.node_id is None:
        return read_settings(options.data_dir)
    if options.port is None or options.mesh_port is None:
        raise ValueError("--node-id needs --port and --mesh-port")
    return RouterSettings(
        node=options.node_id, bind=options.bind, port=options.port, mesh_port=options.mesh_port
    )


def _worker(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {MOST_WORKERS - 1}")
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 0 and 65535")
    return int(text)


def _existing_folder(text: str) -> Path:
    path = Path(text).absolute()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder that exists")
    return path
