"""One node of a forge: its process, and whether it runs because or although it was told to."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aether_forge import processes
from aether_forge.failures import ForgeError
from aether_forge.layout import HOST, Ports, name_of

NODE_PROGRAM: tuple[str, ...] = (sys.executable, "-m", "aether.node")
MAX_LOG_BYTES = 32 * 1024 * 1024
"""A node's log begins anew above this size; the one before it is kept as `node.log.1`."""
LAST_LINES = 12


@dataclass(frozen=True, slots=True)
class Ended:
    """A node process that ended although nobody told it to."""

    number: int
    returncode: int
    last_lines: str


class NodeProcess:
    """Starts, stops and kills node `number`; `program` is what runs, before its arguments."""

    def __init__(self, number: int, node_dir: Path, log_file: Path, ports: Ports) -> None:
        self.number = number
        self.node_dir = node_dir
        self._log_file = log_file
        self._ports = ports
        self._process: asyncio.subprocess.Process | None = None
        self.expected_to_run = False

    @property
    def is_running(self) -> bool:
        """Whether the node process itself lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Return the pid while it runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    @property
    def state(self) -> str:
        """`running`, `killed` (or stopped) on demand, or `ended` by itself."""
        if self.is_running:
            return "running"
        return "ended" if self.expected_to_run else "killed"

    async def start(self, program: Sequence[str], arguments: Sequence[str]) -> None:
        """Start the process; raise ForgeError when it runs already or a port is taken."""
        if self.is_running:
            raise ForgeError(f"{name_of(self.number)} runs already (pid {self.pid})")
        self._check_ports()
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        _rotate(self._log_file)
        with self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is forge's to hear, not the node's
                env=dict(os.environ),
            )
        self.expected_to_run = True

    def _check_ports(self) -> None:
        """Find taken ports before the node does; those of its own living parts are left out."""
        kept = {"router", "mesh"} if processes.part_of(self.node_dir, "router") else set()
        kept |= {"raft"} if processes.part_of(self.node_dir, "store") else set()
        for what, port in self._ports.named():
            if what not in kept and not _is_free(port):
                raise ForgeError(
                    f"{what} port {port} of {name_of(self.number)} is in use on {HOST}; stop what "
                    "uses it, or move all ports with --port-offset"
                )

    async def wait_ended(self) -> Ended | None:
        """Wait until the process ends; say how when nobody told it to."""
        process = self._process
        if process is None:
            return None
        returncode = await process.wait()
        if not self.expected_to_run or process is not self._process:
            return None
        return Ended(self.number, returncode, self.last_lines())

    async def kill(self, only: str | None) -> str:
        """Kill everything, or one part; return a sentence saying what was killed."""
        if only is None or only == "node":
            self.expected_to_run = False
        if only is None:
            if self._process is not None and self.is_running:
                self._process.kill()
            count = await processes.kill_all(self.node_dir)
            await self._reap()
            return f"killed every process of {name_of(self.number)}" + (
                "" if count else " (there was none left but the node itself, or none at all)"
            )
        pid = await processes.kill_part(self.node_dir, only)
        if only == "node":
            await self._reap()
        if pid is None:
            raise ForgeError(f"{name_of(self.number)} has no {only} process that runs")
        return f"killed the {only} process of {name_of(self.number)} (pid {pid})"

    async def stop(self, grace_s: float) -> bool:
        """End all processes cleanly; return whether some had to be killed."""
        self.expected_to_run = False
        orphans_grace_s = grace_s
        if self._process is not None and self.is_running:
            orphans_grace_s = 1.0
            self._process.terminate()  # it may not have written its pid file yet
            try:
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        return await processes.end_all(self.node_dir, orphans_grace_s)

    async def _reap(self) -> None:
        if self._process is not None:
            async with asyncio.timeout(processes.KILL_S):
                await self._process.wait()

    def last_lines(self) -> str:
        """Return the end of the log."""
        try:
            with self._log_file.open("rb") as log:
                log.seek(max(0, self._log_file.stat().st_size - 8192))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LAST_LINES:])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _rotate(log_file: Path) -> None:
    if log_file.exists() and log_file.stat().st_size > MAX_LOG_BYTES:
        log_file.replace(log_file.with_suffix(".log.1"))
