"""Hostile blueprints and bodies at every node at once: refused in time, without a trace, in nobody's way.

Run with `-s` it prints how long roll-outs took alone and beside a burst.
"""

import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from e2e.forge import Forge, running_forge, wait_until
from e2e.hostile_calls import Burst, Thrower, Told, attacks, thrower

ARTIFACTS = (
    *("--artifact", "examples/url_shortener/clicks"),
    *("--artifact", "examples/url_shortener/links"),
    *("--artifact", "examples/asgi_app"),
    *("--blueprint", "blueprints/asgi_app.toml"),
)
ANSWER_S = 5.0
SETTLED_S = 60.0
MOST_TIMES = 1.5
ALLOWED_S = 0.3
"""Beside the factor: some turns of the loops that look again every 50 to 100 ms, this test among them."""
PAIRS = 5
MORE_PAIRS = 4
"""Measured besides when the first speak against the cluster: then all together are judged."""
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


@dataclass(frozen=True)
class Pair:
    """One roll-out alone and one beside a burst, right after each other: the machine was the same."""

    alone_s: float
    beside_s: float
    burst: Burst

    @property
    def times(self) -> float:
        """How many times as long it took beside the burst."""
        return self.beside_s / self.alone_s

    @property
    def excess_s(self) -> float:
        """How much longer than MOST_TIMES as long."""
        return self.beside_s - MOST_TIMES * self.alone_s


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(14_000, *ARTIFACTS) as cluster:
        cluster.wait_deployed(1, SETTLED_S, "org.example:hello")
        yield cluster


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


def is_refused(told: Told) -> bool:
    """Whether the answer says what is wrong with the call, in time."""
    kind = told.answer.headers.get("content-type", "")
    return (
        400 <= told.answer.status < 500
        and told.took_s < ANSWER_S
        and kind.startswith("application/problem+json")
        and bool(told.answer.json()["title"])
    )


def measure(forge: Forge, hostile: Thrower) -> Pair:
    alone_s = roll_out_s(forge)
    take_away(forge)
    thrown = hostile.throw()
    beside_s = roll_out_s(forge)
    burst = thrown.result(SETTLED_S)
    take_away(forge)
    return Pair(alone_s, beside_s, burst)


def is_in_the_way(pairs: Sequence[Pair]) -> bool:
    return statistics.median(pair.excess_s for pair in pairs) > ALLOWED_S


def test_a_burst_of_hostile_calls_is_refused_and_delays_no_good_roll_out(forge: Forge) -> None:
    roll_out_s(forge)
    take_away(forge)
    before = keys_of(forge)
    term = forge.api(1, "cluster/members").json()["term"]
    with thrower([forge.management(node) for node in (1, 2, 3)]) as hostile:
        pairs = [measure(forge, hostile) for _ in range(PAIRS)]
        if is_in_the_way(pairs):
            pairs += [measure(forge, hostile) for _ in range(MORE_PAIRS)]
    print(_figures(pairs))  # noqa: T201 - figures for whoever runs this with -s
    said = [told for pair in pairs for told in pair.burst.told]
    assert [str(told) for told in said if not is_refused(told)] == []
    assert len(said) == len(attacks()) * len(pairs)
    assert forge.api(1, "cluster/members").json()["term"] == term
    after = keys_of(forge)
    assert after.keys() == before.keys()
    assert {key for key, value in after.items() if value != before[key]} == set()
    assert not is_in_the_way(pairs), _figures(pairs)


def _figures(pairs: Sequence[Pair]) -> str:
    slowest = max(told.took_s for pair in pairs for told in pair.burst.told)
    return (
        f"a good roll-out: {_seconds([pair.alone_s for pair in pairs])} alone, "
        f"{_seconds([pair.beside_s for pair in pairs])} beside {len(attacks())} hostile calls that "
        f"took {_seconds([pair.burst.took_s for pair in pairs])}, the slowest of them {slowest:.1f} s: "
        f"{statistics.median(pair.times for pair in pairs):.2f} times"
    )


def _seconds(values: Sequence[float]) -> str:
    return "/".join(f"{value:.1f}" for value in sorted(values)) + " s"
