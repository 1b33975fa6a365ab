"""Steady clients: so many requests a second to a set of routers, every failure kept."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Self

WORKERS = 16
HELLO_S = 0.015
"""Between two requests of one client that says hello: 200 a second by three clients."""


@dataclass
class Outcome:
    """What became of the requests."""

    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    """(code, url) of every link answered 201."""
    failures: list[str] = field(default_factory=list)
    done: int = 0
    last_write_at: float = 0.0
    longest_write_gap_s: float = 0.0


class Load:
    """Writes and reads links until stopped; 100 requests a second unless told otherwise.

    One in five requests writes. A request that fails is not repeated: the router must cope.
    """

    def __init__(self, routers: Sequence[int], rate: float = 100.0) -> None:
        self._routers = routers
        self._interval_s = WORKERS / rate
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.outcome = Outcome()
        self._threads = [
            threading.Thread(target=self._work, args=(number,), daemon=True)
            for number in range(WORKERS)
        ]

    def __enter__(self) -> Self:
        self.outcome.last_write_at = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for_requests(self, count: int, within_s: float) -> None:
        """Return once `count` more requests are done."""
        target, deadline = self.outcome.done + count, time.monotonic() + within_s
        while self.outcome.done < target:
            if time.monotonic() > deadline:
                raise AssertionError(f"only {self.outcome.done} requests of {target} were done")
            self._stop.wait(0.05)

    def _work(self, number: int) -> None:
        port = self._routers[number % len(self._routers)]
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        turn, next_at = number, time.monotonic() + self._interval_s * number / WORKERS
        while not self._stop.wait(max(0.0, next_at - time.monotonic())):
            next_at += self._interval_s
            turn += 1
            try:
                if turn % 5 == 0 or not self.outcome.acknowledged:
                    self._write(connection, f"https://example.org/{number}/{turn}")
                else:
                    self._read(connection)
            except (OSError, HTTPException) as problem:
                self._note(f"port {port}: {problem!r}")
                connection.close()
            with self._lock:
                self.outcome.done += 1
        connection.close()

    def _write(self, connection: HTTPConnection, url: str) -> None:
        body = json.dumps({"url": url})
        connection.request("POST", "/api/v1/urls", body, {"content-type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 201:
            self._note(f"POST {response.status}: {answer!r}")
            return
        now = time.monotonic()
        with self._lock:
            gap = now - self.outcome.last_write_at
            self.outcome.longest_write_gap_s = max(self.outcome.longest_write_gap_s, gap)
            self.outcome.last_write_at = now
            self.outcome.acknowledged.append((json.loads(answer)["code"], url))

    def _read(self, connection: HTTPConnection) -> None:
        code, url = self.outcome.acknowledged[-1]
        connection.request("GET", f"/{code}")
        response = connection.getresponse()
        answer = response.read()
        if (response.status, response.getheader("location")) != (302, url):
            self._note(f"GET /{code} {response.status}: {answer!r}")

    def _note(self, failure: str) -> None:
        with self._lock:
            self.outcome.failures.append(failure)


class Steady:
    """One client of one router: a GET of `/hello` each 15 ms over a connection kept alive, never repeated."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.done = 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def _work(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        next_at = time.monotonic()
        while not self._stop.wait(max(0.0, next_at - time.monotonic())):
            next_at += HELLO_S
            try:
                connection.request("GET", "/hello")
                response = connection.getresponse()
                answer = response.read()
                if (response.status, answer) != (200, b"Hello, world!\n"):
                    self.failures.append(f"{response.status}: {answer!r}")
            except (OSError, HTTPException) as problem:
                self.failures.append(repr(problem))
                connection.close()
            self.done += 1
        connection.close()
