"""Hostile blueprints and bodies at every node at once: refused in time, without a trace, in nobody's way."""

import json
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection

import pytest

from e2e.forge import Answer, Forge, running_forge, wait_until
from tests.hostile_blueprints import TAKEN, hostile_blueprints

ARTIFACTS = (
    *("--artifact", "examples/url_shortener/clicks"),
    *("--artifact", "examples/url_shortener/links"),
    *("--artifact", "examples/asgi_app"),
    *("--blueprint", "blueprints/asgi_app.toml"),
)
AT_ONCE = 8
ROUNDS = 3
ANSWER_S = 5.0
SETTLED_S = 60.0
MOST_TIMES = 1.5
MARGIN_S = 1.0
"""Beside the factor: one look of the leader, which a roll-out may wait for once more than another."""
GOOD = "org.example:good"
SLICES = ("org.example:links", "org.example:clicks")
TEXT = """
id = "org.example:good:1.{minor}.0"

[[slices]]
artifact = "org.example:links:1.0.0"
instances = 2
update = {{ max_surge = 1 }}

[[slices]]
artifact = "org.example:clicks:1.0.0"
instances = 2
update = {{ max_surge = 1 }}

[config."org.example:links"]
code_length = {length}

[config."org.example:clicks"]
note = "{length}"
"""
LENGTHS = (7, 8, 9)
"""A roll-out is the first of these, and an update to each of the others, one instance at a time."""
OWNED = "org.example:hello-asgi:1.0.0"
"""Belongs to another blueprint of this cluster."""


@dataclass(frozen=True)
class Attack:
    """A call nobody should make."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True)
class Told:
    """How an attack was answered, when, and after how long."""

    attack: Attack
    answer: Answer
    at: float
    took_s: float

    def __str__(self) -> str:
        said = f"{self.answer.status} after {self.took_s:.1f} s: {self.answer.body[:200]!r}"
        return f"{self.attack.method} {self.attack.path} {self.attack.body[:40]!r}: {said}"


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


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(14_000, *ARTIFACTS) as cluster:
        cluster.wait_deployed(1, SETTLED_S, "org.example:hello")
        yield cluster


def throw(forge: Forge, node: int, attack: Attack) -> Told:
    """Make a call; a node may answer, and stop listening, before it was told everything."""
    began = time.monotonic()
    connection = HTTPConnection("127.0.0.1", forge.management(node), timeout=2 * ANSWER_S)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(attack.method, f"/api/v1/{attack.path}", attack.body)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, headers, response.read())
    finally:
        connection.close()
    now = time.monotonic()
    return Told(attack, answer, now, now - began)


def keys_of(forge: Forge) -> dict[str, str]:
    """Return what is in the store, but for what the good blueprint leaves: its generations."""
    items = forge.api(1, "kv?prefix=&limit=1000").json()["items"]
    kept = {item["key"]: item["value"] for item in items}
    return {key: value for key, value in kept.items() if not key.startswith("generation/")}


def roll_out_s(forge: Forge) -> float:
    """Apply the good blueprint where nothing of it was, and its updates; return the seconds it took."""
    began = time.monotonic()
    for minor, length in enumerate(LENGTHS):
        text = TEXT.format(minor=minor, length=length).encode()
        answer = forge.api(1, "blueprints", "POST", text)
        assert (answer.status, answer.json()["changed"]) == (200, True)
        wait_until("the good one", lambda: serves(forge, length), SETTLED_S)  # noqa: B023 - called at once
    return time.monotonic() - began


def serves(forge: Forge, length: int) -> bool:
    """Whether all instances are there with these settings, and no other."""
    status = forge.api(1, f"blueprints/{GOOD}/status").json()
    instances = [one for slice_ in status["slices"] for one in slice_["instances"]]
    wishes = [
        json.loads(item["value"])
        for item in forge.api(1, "kv?prefix=wanted/&limit=1000").json()["items"]
        if any(name in item["key"] for name in SLICES)
    ]
    return (
        status["state"] == "DEPLOYED"
        and [one["phase"] for one in instances] == ["ACTIVE"] * 4
        and all(str(length) in map(str, wish["config"].values()) for wish in wishes)
    )


def take_away(forge: Forge) -> None:
    assert forge.api(1, f"blueprints/{GOOD}", "DELETE").status == 200
    wait_until(
        "gone", lambda: not [key for key in keys_of(forge) if is_of_the_good(key)], SETTLED_S
    )


def is_of_the_good(key: str) -> bool:
    return any(name in key for name in (GOOD, *SLICES)) and not key.startswith("artifact/")


def burst(forge: Forge, pool: ThreadPoolExecutor) -> list["Future[Told]"]:
    """Begin to throw everything, at all nodes in turn."""
    return [
        pool.submit(throw, forge, 1 + number % 3, attack) for number, attack in enumerate(attacks())
    ]


def is_refused(told: Told) -> bool:
    """Whether the answer says what is wrong with the call, in time."""
    kind = told.answer.headers.get("content-type", "")
    return (
        400 <= told.answer.status < 500
        and told.took_s < ANSWER_S
        and kind.startswith("application/problem+json")
        and bool(told.answer.json()["title"])
    )


def test_a_burst_of_hostile_calls_is_refused_and_delays_no_good_roll_out(forge: Forge) -> None:
    roll_out_s(forge)
    take_away(forge)
    before = keys_of(forge)
    term = forge.api(1, "cluster/members").json()["term"]
    alone: list[float] = []
    beside: list[float] = []
    bursts: list[float] = []
    said: list[Told] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(ROUNDS):
            alone.append(roll_out_s(forge))
            take_away(forge)
            began, thrown = time.monotonic(), burst(forge, pool)
            beside.append(roll_out_s(forge))
            answered = [each.result() for each in thrown]
            bursts.append(max(told.at for told in answered) - began)
            said += answered
            take_away(forge)
    ratio = statistics.median(beside) / statistics.median(alone)
    slowest = max(said, key=lambda told: told.took_s)
    print(  # noqa: T201 - figures for whoever runs this with -s
        f"a good roll-out: {_seconds(alone)} alone, {_seconds(beside)} beside {len(attacks())} "
        f"hostile calls that took {_seconds(bursts)}: {ratio:.2f} times; slowest refusal "
        f"{slowest.took_s:.1f} s"
    )
    assert [str(told) for told in said if not is_refused(told)] == []
    assert forge.api(1, "cluster/members").json()["term"] == term
    after = keys_of(forge)
    assert after.keys() == before.keys()
    assert {key for key, value in after.items() if value != before[key]} == set()
    assert statistics.median(beside) <= MOST_TIMES * statistics.median(alone) + MARGIN_S


def _seconds(values: Sequence[float]) -> str:
    return "/".join(f"{value:.1f}" for value in sorted(values)) + " s"
