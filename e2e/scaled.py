"""A WSGI application whose capacity is known, and clients that ask it so many times a second.

Each request waits 200 ms and an instance has 8 threads: it answers 40 requests a second, and others wait
in line. Nothing of it needs a processor, so the figures hold on a busy machine.
"""

import itertools
import random
import subprocess
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

from e2e.forge import BIN, ROOT
from e2e.projects import write_project

BASE = "org.example:waiter"
BLUEPRINT = "org.example:waiting"
THREADS, WAIT_S = 8, 0.2
CAPACITY_RPS = THREADS / WAIT_S
_SLICE: dict[str, str | int] = {
    "id": BASE,
    "app": "waiter:app",
    "prefix": "/waiter",
    "interface": "wsgi",
    "threads": THREADS,
}
_APP = f"""
import time

def app(environ, start_response):
    time.sleep({WAIT_S})
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"waited"]
"""


def make_application(folder: Path) -> Path:
    """Write the application's project and build its wheel; return the wheel."""
    source = write_project(folder / "source", "waiter", _APP, _SLICE)
    out = folder / "wheels"
    command = [str(BIN / "aether"), "slice", "build", str(source), "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    return wheel


def write_blueprint(folder: Path, lines: str) -> Path:
    """Write a blueprint with these lines in the application's table."""
    path = folder / "waiting.toml"
    path.write_text(f'id = "{BLUEPRINT}:1.0.0"\n[[slices]]\nartifact = "{BASE}:1.0.0"\n{lines}\n')
    return path


class Clients:
    """Requests at a rate that can be changed, whatever becomes of those before; failures are kept.

    `most` is how many may be under way at once; requests that find all clients busy wait for one.
    """

    def __init__(
        self, routers: Sequence[int], rate: float, most: int = 300, *, noisy: bool = False
    ) -> None:
        """`noisy`: requests come as independent clients send them, not evenly."""
        self._routers = routers
        self._dice = random.Random(1) if noisy else None  # noqa: S311 - load, no secret
        self._rate = rate
        self._stop = threading.Event()
        self._due = threading.Semaphore(0)
        self._turn = itertools.count()
        self.failures: list[str] = []
        self.done: list[tuple[float, float]] = []
        """When each request ended, and how long it took, in seconds."""
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(most)]
        self._pacer = threading.Thread(target=self._pace, daemon=True)

    def __enter__(self) -> Self:
        for thread in (*self._threads, self._pacer):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pacer.join(10)
        self._due.release(len(self._threads))
        for thread in self._threads:
            thread.join(60)

    def set_rate(self, rate: float) -> float:
        """Ask so many times a second from now on; return the moment."""
        self._rate = rate
        return time.monotonic()

    def _pace(self) -> None:
        owed, before = 0.0, time.monotonic()
        while not self._stop.wait(0.01):
            now = time.monotonic()
            owed += (now - before) * self._rate * self._noise()
            before = now
            if owed >= 1.0:
                self._due.release(int(owed))
                owed -= int(owed)

    def _noise(self) -> float:
        """Return a factor of mean 1: waits between independent requests are exponential."""
        return 1.0 if self._dice is None else self._dice.expovariate(1.0)

    def _work(self) -> None:
        port = self._routers[next(self._turn) % len(self._routers)]
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        while True:
            self._due.acquire()
            if self._stop.is_set():
                break
            self._ask(connection)
        connection.close()

    def _ask(self, connection: HTTPConnection) -> None:
        began = time.monotonic()
        try:
            connection.request("GET", "/waiter/")
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                self.failures.append(f"port {connection.port}: {response.status}")
        except (OSError, HTTPException) as problem:
            self.failures.append(f"port {connection.port}: {problem!r}")
            connection.close()
        ended = time.monotonic()
        self.done.append((ended, ended - began))
