"""What a proxy under test is given: where it listens, where its origin is, and on which core it runs."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

START_S = 20.0
POLL_S = 0.02
END_S = 10.0
PROXY_CORE = 0
OTHER_CORE = 1
"""Load and origin share the core the proxy does not have."""
CLASSES = {"ordinary": [], "rr": ["chrt", "-r", "1"]}
"""How `BENCH_CLASS` starts each party: `rr` keeps other work on the machine out of the way, but for the 50 ms a second
that Linux holds back from real-time processes, which 99th percentiles show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the application answers: by `socket`, else by `address`."""

    kind: str
    """`unix` or `tcp`."""
    socket: Path
    address: str
    """`host:port`."""

    @property
    def is_unix(self) -> bool:
        """Whether proxies reach it by its Unix socket."""
        return self.kind == "unix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One proxy's place."""

    folder: Path
    """Of its own, for configuration, sockets and logs."""
    port: int
    origin: Origin

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"


class Running:
    """A process of ours, with a log file, on one core."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        core: int | None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = folder / "process.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*_prefix(core), *command],
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )
        self.pid = self._process.pid

    def wait_answer(self, url: str) -> None:
        """Return once the URL answers 200; raise RuntimeError with the log when it never does."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own address
                return
            time.sleep(POLL_S)
        said = self.log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{url} did not answer within {START_S:g} s; its server said: {said}")

    def wait_said(self, text: str) -> None:
        """Return once its log has `text`; raise RuntimeError with the log when it never does."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if text in self.log.read_text(errors="replace"):
                return
            time.sleep(POLL_S)
        said = self.log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"it did not say {text!r} within {START_S:g} s, but: {said}")

    def end(self) -> None:
        """Stop the process, by force when it does not obey."""
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_S)


def run_on(core: int | None, command: Sequence[str], timeout_s: float) -> str:
    """Run a command to its end on one core; return what it wrote."""
    return subprocess.run(
        [*_prefix(core), *command], capture_output=True, text=True, check=True, timeout=timeout_s
    ).stdout


def _prefix(core: int | None) -> list[str]:
    """Return the words that pin a command to a core, in the class `BENCH_CLASS` names."""
    pinned = core is not None and shutil.which("taskset") and (os.cpu_count() or 1) > 1
    words = ["taskset", "-c", str(core)] if pinned else []
    return words + CLASSES[os.environ.get("BENCH_CLASS", "ordinary")]


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
