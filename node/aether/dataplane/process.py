"""The router as a process: arguments, log, pid file, signals."""

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import structlog
import uvloop

from aether.core.model.ids import parse_node_id
from aether.dataplane.limits import Limits, raise_open_files
from aether.dataplane.router import Places, Router

log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a router until SIGTERM or SIGINT; 0 after a clean stop, 1 when it cannot serve."""
    options = _read_arguments(arguments)
    _log_as_json()
    places = Places(
        node=parse_node_id(options.node_id),
        data_dir=options.data_dir,
        bind=options.bind,
        port=options.port,
        mesh_port=options.mesh_port,
    )
    limits = Limits(clients=raise_open_files())
    try:
        uvloop.run(_serve(places, limits))
    except OSError as problem:
        log.critical("router cannot serve", problem=str(problem), bind=places.bind)
        return 1
    return 0


async def _serve(places: Places, limits: Limits) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    router = Router(places, limits)
    pid_file = places.data_dir / "run" / "router.pid"
    try:
        await router.start()
        _write_pid(pid_file)
        await stopping.wait()
        pid_file.unlink(missing_ok=True)
    finally:
        await router.stop()


def _write_pid(path: Path) -> None:
    """Write `pid start-time`: the start time tells this process from a later one of that pid."""
    started = psutil.Process().create_time()
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(f"{os.getpid()} {started}\n")
    temporary.replace(path)


def _read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m aether.dataplane", description="The router of one node of Aether."
    )
    parser.add_argument("--node-id", required=True)
    parser.add_argument("--data-dir", required=True, type=_existing_folder)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", required=True, type=_port)
    parser.add_argument("--mesh-port", required=True, type=_port)
    options = parser.parse_args(arguments)
    try:
        parse_node_id(options.node_id)
    except ValueError as problem:
        parser.error(f"--node-id: {problem}")
    return options


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 0 and 65535")
    return int(text)


def _existing_folder(text: str) -> Path:
    path = Path(text).absolute()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder that exists")
    return path


def _log_as_json() -> None:
    """Write one JSON object a line to standard error."""
    processors: list[Any] = [  # Any: structlog types a processor's mapping that way
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=processors,
        logger_factory=structlog.WriteLoggerFactory(file=open(2, "w", closefd=False)),  # noqa: SIM115 - standard error, for the life of the process
    )
