"""The life of a slice host: import, tell the launcher, activate, serve, drain, stop."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from typing import Any

import structlog
import uvloop

from aether.core.model.records import to_plain
from aether.frames import FrameError, read_frame, write_frame
from aether.host.entry import Loaded, LoadFailed, load, trace_of
from aether.host.executor import ContextThreads
from aether.host.instance import Instance
from aether.host.paths import HostPaths
from aether.host.slice_logs import configure_host, heed_inherited
from aether.ports import HostSpec
from aether.tasks import Tasks

ORPHAN_S = 3600.0
"""A host that has had no launcher for so long ends itself."""
FIRST_RECONNECT_S = 0.02
LONGEST_RECONNECT_S = 1.0
TELL_S = 10.0
"""How long a failed host tries to tell its launcher why."""
TERM_DRAIN_S = 3.0
"""Requests may finish for so long after SIGTERM; the launcher kills after five seconds."""

log = structlog.get_logger()


def run_host(spec: HostSpec, paths: HostPaths, *, probe: bool) -> int:
    """Be the host of one instance until told to end; return the exit status."""
    configure_host()
    loaded = load(spec.manifest)
    heed_inherited()
    if isinstance(loaded, LoadFailed):
        sys.stderr.write(f"{loaded.message}\n{loaded.trace}\n")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if probe or isinstance(loaded, LoadFailed):
            state = "failed" if isinstance(loaded, LoadFailed) else "probed"
            return runner.run(_tell(paths, _hello(spec, loaded, state)))
        return runner.run(Life(spec, paths, loaded).run())


def _hello(spec: HostSpec, loaded: Loaded | LoadFailed, state: str) -> dict[str, Any]:
    hello: dict[str, Any] = {
        "op": "host",
        "instance": spec.instance,
        "generation": spec.generation,
        "token": spec.token,
        "paths": list(spec.paths),
        "state": state,
    }
    if isinstance(loaded, LoadFailed):
        return {**hello, **loaded.to_plain()}
    found = {"routes": to_plain(loaded.routes), "methods": list(loaded.methods)}
    return hello | found | {"artifact_kind": loaded.kind}


async def _tell(paths: HostPaths, hello: Mapping[str, Any]) -> int:
    """Bring one message to the launcher and wait until it has taken it."""
    async with asyncio.timeout(TELL_S):
        reader, writer = await asyncio.open_unix_connection(str(paths.launcher_socket))
        await write_frame(writer, hello)
        await reader.read()
        writer.close()
    return 1 if hello["state"] == "failed" else 0


class Life:
    """One loaded slice and its link to the launcher."""

    def __init__(self, spec: HostSpec, paths: HostPaths, loaded: Loaded) -> None:
        self._spec = spec
        self._paths = paths
        self._loaded = loaded
        self._instance = Instance(spec, paths, loaded)
        self._ending = asyncio.Event()
        self._tasks = Tasks(on_failure=self._link_broke)

    async def run(self) -> int:
        """Serve the launcher's wishes until SIGTERM, or an hour without a launcher."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ContextThreads(thread_name_prefix="slice"))
        loop.add_signal_handler(signal.SIGTERM, self._ending.set)
        link = self._tasks.start("launcher link", self._keep_link())
        await self._ending.wait()
        try:
            if self._instance.state == "active":
                await self._instance.deactivate(TERM_DRAIN_S)
        except Exception:
            log.exception("stopping failed", instance=self._spec.instance)
        finally:
            link.cancel()
            await self._tasks.stop()
            await self._instance.close()
        return 0

    def _link_broke(self, name: str, failure: BaseException) -> None:
        log.error("host ends: its link to the launcher failed", task=name, exc_info=failure)
        self._ending.set()

    async def _keep_link(self) -> None:
        """Stay connected to whichever launcher runs; give up after `ORPHAN_S` without one."""
        loop = asyncio.get_running_loop()
        lost_at, pause_s = loop.time(), FIRST_RECONNECT_S
        while loop.time() - lost_at < ORPHAN_S:
            try:
                await self._serve_link()
            except OSError as problem:
                log.debug("no launcher", why=str(problem))
            else:
                lost_at, pause_s = loop.time(), FIRST_RECONNECT_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_RECONNECT_S)
        log.error("no launcher for too long, host ends", seconds=ORPHAN_S)
        self._ending.set()

    async def _serve_link(self) -> None:
        """Say hello and answer steps until the connection ends."""
        reader, writer = await asyncio.open_unix_connection(str(self._paths.launcher_socket))
        steps = Tasks(on_failure=self._link_broke)
        try:
            hello = _hello(self._spec, self._loaded, self._instance.state)
            await write_frame(writer, hello | self._told())
            while (step := await read_frame(reader)) is not None:
                steps.start(str(step.get("op")), self._answer(writer, step))
        except FrameError:
            log.exception("the launcher sent something else than a frame")
        finally:
            writer.close()
            if self._ending.is_set():
                await steps.stop()

    async def _answer(self, writer: asyncio.StreamWriter, step: Mapping[str, Any]) -> None:
        answer: dict[str, Any] = {"id": step["id"]}
        try:
            await self._do(step)
        except Exception as failure:
            log.exception("step failed", step=step.get("op"))
            message = f"{self._spec.instance}: {step.get('op')} failed: {_sentence(failure)}"
            answer |= {"ok": False, "kind": "transient", "message": message}
            answer["trace"] = trace_of(failure)
        else:
            answer["ok"] = True
        answer |= {"state": self._instance.state} | self._told()
        try:
            await write_frame(writer, answer)
        except OSError:
            log.warning("launcher went away before a step was answered", step=step.get("op"))

    def _told(self) -> dict[str, Any]:
        """Return what the launcher is told with every message."""
        settings = self._instance.settings
        return {
            "in_flight": self._instance.in_flight,
            "settings": settings.digest,
            "settings_problem": settings.problem,
        }

    async def _do(self, step: Mapping[str, Any]) -> None:
        match step.get("op"):
            case "activate":
                await self._instance.activate()
            case "deactivate":
                await self._instance.deactivate(float(step["drain_s"]))
            case "configure":
                await self._instance.configure(str(step["config"]).encode())
            case "status":
                return
            case other:
                raise ValueError(f"unknown step {other!r}")


def _sentence(failure: Exception) -> str:
    text = str(failure)
    return f"{type(failure).__name__}: {text}" if text else type(failure).__name__
