"""The machine that leads is lost at each step of an apply and of a deletion: the end is always the same."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aether_forge import control
from aether_forge.layout import Layout
from e2e.forge import BIN, ROOT, SHORTENER, Forge, call, running_forge, wait_until
from e2e.held import Withheld, standing_still

ALL = (1, 2, 3)
ARTIFACTS = (
    *("--artifact", "examples/url_shortener/clicks"),
    *("--artifact", "examples/url_shortener/links"),
)
STEP_S = 30.0
SETTLED_S = 60.0
LINKS, CLICKS = "org.example:links", "org.example:clicks"
COUNTS = {LINKS: 3, CLICKS: 1}
ROUTES = {"POST /api/v1/urls", "GET /api/v1/urls/{code}", "GET /{code}"}
TEXT = """
id = "org.example:url-shortener:{version}"

[[slices]]
artifact = "org.example:links:1.0.0"
instances = 3
update = {{ max_surge = 1 }}

[[slices]]
artifact = "org.example:clicks:1.0.0"

[config."org.example:links"]
code_length = {length}
"""
SEVEN, EIGHT = 7, 8
"""What the two blueprints are told apart by: lengths of codes; 0 stands for no blueprint."""

Keys = dict[str, Any]


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(12_000, *ARTIFACTS) as cluster:
        for length, version in ((SEVEN, "1.0.0"), (EIGHT, "1.1.0")):
            file_of(cluster, length).write_text(TEXT.format(version=version, length=length))
        yield cluster


def file_of(forge: Forge, length: int) -> Path:
    return forge.data_dir.parent / f"of-{length}.toml"


def keys_of(forge: Forge, asked: int) -> Keys:
    """Return all keys of the store, as `asked` knows it."""
    items = forge.api(asked, "kv?prefix=&limit=1000").json()["items"]
    return {item["key"]: item["value"] for item in items}


def under(keys: Keys, family: str) -> Keys:
    """Return the records of a family by the rest of their keys."""
    return {
        key.removeprefix(family): json.loads(value)
        for key, value in keys.items()
        if key.startswith(family)
    }


def slice_of(placed: str) -> str:
    """Return the slice of `{node}/{group:name:version/ordinal}`."""
    return ":".join(placed.split("/")[1].split(":")[:2])


def end_state(forge: Forge, asked: int) -> dict[str, Any]:
    """Return what is to be the same however it came about: no generation, no ordinal, no node."""
    keys = keys_of(forge, asked)
    wanted, phases, targets = (under(keys, f) for f in ("wanted/", "phase/", "target/"))
    counts: dict[str, int] = {}
    for placed in wanted:
        counts[slice_of(placed)] = counts.get(slice_of(placed), 0) + 1
    return {
        "blueprints": {base: record["id"] for base, record in under(keys, "blueprint/").items()},
        "states": {
            item["id"]: item["state"] for item in forge.api(asked, "blueprints").json()["items"]
        },
        "targets": {
            base: (target["version"], target["instances"], target.get("config", {}))
            for base, target in targets.items()
        },
        "instances": counts,
        "desired": {wish["desired"] for wish in wanted.values()},
        "settings": {
            (slice_of(placed), *sorted(wish.get("config", {}).items()))
            for placed, wish in wanted.items()
        },
        "phases": {fact["state"] for fact in phases.values()},
        "without a wish": phases.keys() - wanted.keys(),
        "routes": set(under(keys, "route/")),
        "verdicts": {node["verdict"] for node in under(keys, "verdict/").values()},
        "hosts": forge.host_count(),
    }


def expected(length: int) -> dict[str, Any]:
    there = bool(length)
    ident = f"{SHORTENER}:1.{length - SEVEN}.0"
    return {
        "blueprints": {SHORTENER: ident} if there else {},
        "states": {ident: "DEPLOYED"} if there else {},
        "targets": {
            LINKS: ("1.0.0", 3, {"code_length": length}),
            CLICKS: ("1.0.0", 1, {}),
        }
        if there
        else {},
        "instances": COUNTS if there else {},
        "desired": {"ACTIVATE"} if there else set(),
        "settings": {(LINKS, ("code_length", length)), (CLICKS,)} if there else set(),
        "phases": {"ACTIVE"} if there else set(),
        "without a wish": set(),
        "routes": ROUTES if there else set(),
        "verdicts": {"ON_DUTY"},
        "hosts": sum(COUNTS.values()) if there else 0,
    }


def wait_settled(forge: Forge, asked: int, length: int) -> float:
    try:
        return wait_until("settled", lambda: end_state(forge, asked) == expected(length), SETTLED_S)
    except AssertionError:
        assert end_state(forge, asked) == expected(length)
        raise


def generation(forge: Forge, asked: int) -> int:
    """Return how often the blueprint was changed by an apply; a deletion does not begin anew."""
    kept = under(keys_of(forge, asked), f"generation/{SHORTENER}/")
    return max(map(int, kept), default=0)


def bring_about(forge: Forge, length: int) -> None:
    """Begin with this blueprint deployed, or none, whatever the test before left behind."""
    if length:
        forge.aether("blueprint", "apply", str(file_of(forge, length)))
    elif forge.api(1, f"blueprints/{SHORTENER}").status == 200:
        forge.aether("blueprint", "delete", SHORTENER, "--yes")
    wait_settled(forge, 1, length)


def ask_forge(forge: Forge, op: str, number: int) -> None:
    """Give a command to forge at once: its own process would take longer to start than a step."""
    request = {"op": op, "node": number} | ({"only": None} if op == "kill" else {})
    asyncio.run(control.call(Layout(forge.data_dir).socket, request))


@contextmanager
def given_back(forge: Forge, leader: int, asked: int) -> Iterator[None]:
    """Give back the machine that led and is lost, when another one leads and the block is done."""
    wait_until(
        "another one leads",
        lambda: forge.api(asked, "status").json()["leader"] not in (None, f"node-{leader}"),
        STEP_S,
    )
    yield
    ask_forge(forge, "start", leader)


def change(forge: Forge, asked: int, length: int) -> None:
    """Have the blueprint applied, or deleted, and hear that it was."""
    if length:
        body = file_of(forge, length).read_bytes()
        answer = forge.api(asked, "blueprints", "POST", body)
    else:
        answer = forge.api(asked, f"blueprints/{SHORTENER}", "DELETE")
    assert (answer.status, answer.json()["changed"]) == (200, True)


def is_loading(keys: Keys) -> bool:
    """Whether the first instance is being loaded; where that takes less than a look at the keys, it is by now."""
    return bool(under(keys, "phase/"))


def is_activating(keys: Keys) -> bool:
    """Whether the first are told to serve, and the rest are not yet."""
    desired = [wish["desired"] for wish in under(keys, "wanted/").values()]
    return "ACTIVATE" in desired and "LOAD" in desired


def is_half_updated(keys: Keys) -> bool:
    """Whether new instances serve, and old ones still do."""
    phases = under(keys, "phase/")
    serving = {
        json.dumps(wish.get("config", {}))
        for placed, wish in under(keys, "wanted/").items()
        if slice_of(placed) == LINKS
        and wish["desired"] == "ACTIVATE"
        and phases.get(placed, {}).get("state") == "ACTIVE"
    }
    return len(serving) == 2


def is_leaving(keys: Keys) -> bool:
    return any(wish["desired"] == "DEACTIVATE" for wish in under(keys, "wanted/").values())


@dataclass(frozen=True)
class Moment:
    """When the leading machine is lost, by what the store holds."""

    begin: int
    end: int
    is_now: Callable[[Keys], bool]
    held: Collection[int] = ()
    """Whose launchers stand still until it is lost."""


MOMENTS = {
    "half of an update is done": Moment(SEVEN, EIGHT, is_half_updated),
    "a deletion drains": Moment(EIGHT, 0, is_leaving),
    # Of equal nodes the first one is taken: what the links need is on node-1, and one of them on node-3.
    "the blueprint is committed": Moment(0, SEVEN, lambda _: True, held=ALL),
    "instances are loaded": Moment(0, SEVEN, is_loading),
    "the first are activated": Moment(0, SEVEN, is_activating, held=(3,)),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_leading_machine_lost_at_any_step_changes_nothing_about_the_end(
    forge: Forge, moment: str
) -> None:
    step = MOMENTS[moment]
    bring_about(forge, step.begin)
    before, leader = generation(forge, 1), forge.leader()
    asked = next(number for number in ALL if number != leader)
    note = f"flag/{moment.replace(' ', '-')}"
    forge.aether("kv", "put", note, "acknowledged")
    with standing_still(forge, step.held, "launcher"):
        change(forge, leader, step.end)
        wait_until(moment, lambda: step.is_now(keys_of(forge, asked)), STEP_S)
        ask_forge(forge, "kill", leader)
    with given_back(forge, leader, asked):
        pass
    took = wait_settled(forge, asked, step.end)
    print(f"leader lost while {moment}: settled {took:.1f} s after the machine was given back")  # noqa: T201 - figures for whoever runs this with -s
    assert generation(forge, asked) == before + bool(step.end)
    assert keys_of(forge, asked)[note] == "acknowledged"


@contextmanager
def applied_between(
    forge: Forge, between: Withheld, length: int
) -> Iterator["subprocess.Popen[str]"]:
    """Apply as an operator does, by way of `between`; the block begins once the request is there."""
    endpoint = f"http://127.0.0.1:{between.port}"
    command = [str(BIN / "aether"), "--endpoint", endpoint, "blueprint", "apply"]
    with subprocess.Popen(
        [*command, str(file_of(forge, length))],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as client:
        try:
            between.take_request()
            yield client
        finally:
            client.kill()


@pytest.mark.parametrize(
    ("is_committed", "begin", "end"), [(False, 0, SEVEN), (True, SEVEN, EIGHT)]
)
def test_an_apply_whose_answer_is_lost_is_told_as_unknown_and_can_be_repeated(
    forge: Forge, is_committed: bool, begin: int, end: int
) -> None:
    bring_about(forge, begin)
    before, leader = generation(forge, 1), forge.leader()
    others = [number for number in ALL if number != leader]
    with Withheld() as between, applied_between(forge, between, end) as client:
        if is_committed:
            between.pass_on(forge.management(leader))
            wait_until("committed", lambda: generation(forge, others[0]) == before + 1, STEP_S)
            ask_forge(forge, "kill", leader)
        else:
            with standing_still(forge, [leader], "store"):
                between.pass_on(forge.management(leader))
                assert call(forge.management(leader), "GET", "/health/live").status == 200
                ask_forge(forge, "kill", leader)
        between.break_off()
        _, said = client.communicate(timeout=STEP_S)
    assert (client.returncode, "unknown" in said) == (5, True), said
    with given_back(forge, leader, others[0]):
        forge.aether("blueprint", "apply", str(file_of(forge, end)), "--detach")
    took = wait_settled(forge, others[0], end)
    print(f"answer lost, committed: {is_committed}: settled after {took:.1f} s")  # noqa: T201 - as above
    assert generation(forge, others[0]) == before + 1, (
        "applied once, however often it was asked for"
    )
