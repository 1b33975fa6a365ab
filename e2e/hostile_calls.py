"""Calls nobody should make, thrown at every node of a forge by a process of their own.

Who measures a cluster beside them shares neither an interpreter nor a thread with who throws them.
"""

import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection

from e2e.forge import Answer
from tests.hostile_blueprints import TAKEN, hostile_blueprints

AT_ONCE = 8
CALL_S = 10.0
START_S = 60.0
OWNED = "org.example:hello-asgi:1.0.0"
"""Belongs to a blueprint of the cluster: `blueprints/asgi_app.toml`."""


@dataclass(frozen=True)
class Attack:
    """A call nobody should make."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True)
class Told:
    """How an attack was answered, and after how long."""

    attack: Attack
    answer: Answer
    took_s: float

    def __str__(self) -> str:
        said = f"{self.answer.status} after {self.took_s:.1f} s: {self.answer.body[:200]!r}"
        return f"{self.attack.method} {self.attack.path} {self.attack.body[:40]!r}: {said}"


@dataclass(frozen=True)
class Burst:
    """All attacks at once: how each was answered, and how long they took together."""

    told: Sequence[Told]
    took_s: float


BODIES: Sequence[bytes] = (
    b"",
    b"\xff\xfe\x00",
    b"[" * 30_000,
    b'{"instances": 1e999, "value": NaN}',
    b'{"instances": -1, "force": "yes", "nodes": -1, "surprise": 1}',
    json.dumps({"value": "x" * 60_000, "instances": [3], "force": {}}).encode(),
)
CALLS: Sequence[tuple[str, str]] = (
    ("POST", "slices/org.example:links/scale"),
    ("POST", "nodes/node-9/drain"),
    ("POST", "nodes/..%2f..%2fetc/drain"),
    ("PUT", "topology"),
    ("PUT", "config/cluster/no.such.setting"),
    ("PUT", "kv/control/epoch"),
    ("PUT", "kv/verdict/node-1"),
)


def attacks() -> list[Attack]:
    """Return the hostile blueprints, and hostile bodies of other calls among them."""
    texts = [each.text.replace(TAKEN, OWNED).encode() for each in hostile_blueprints()]
    others = [Attack(method, path, body) for method, path in CALLS for body in BODIES]
    found: list[Attack] = []
    for number, text in enumerate(texts):
        found += [Attack("POST", "blueprints", text), *others[number : number + 1]]
    return found


class Thrower:
    """Throws bursts at these management ports, the calls of each at all ports in turn."""

    def __init__(self, pool: ProcessPoolExecutor, ports: Sequence[int]) -> None:
        self._pool = pool
        self._ports = tuple(ports)

    def throw(self) -> "Future[Burst]":
        """Begin a burst."""
        return self._pool.submit(_burst, self._ports)


@contextmanager
def thrower(ports: Sequence[int]) -> Iterator[Thrower]:
    """Have a process ready that throws at once when it is told to."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(attacks).result(START_S)
        yield Thrower(pool, ports)


def _burst(ports: Sequence[int]) -> Burst:
    thrown = attacks()
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        each = [
            pool.submit(_throw, ports[number % len(ports)], attack)
            for number, attack in enumerate(thrown)
        ]
        told = [one.result() for one in each]
    return Burst(told, time.monotonic() - began)


def _throw(port: int, attack: Attack) -> Told:
    """Make a call; a node may answer, and stop listening, before it was told everything."""
    began = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=CALL_S)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(attack.method, f"/api/v1/{attack.path}", attack.body)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, headers, response.read())
    finally:
        connection.close()
    return Told(attack, answer, time.monotonic() - began)
