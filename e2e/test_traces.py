"""Traces over six slices on three nodes, with a retry and a hop into a thread: every span has its place."""

import json
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from e2e.forge import call, wait_until
from e2e.plain import Nodes, plain_nodes
from e2e.projects import write_project

pytestmark = pytest.mark.timeout(400)  # six slices are built, and each of 220 traces is read

CHAIN = "abcdef"
TRACES = 220
RETRIED = 4
"""Of so many requests one loses an attempt: more, and routers would set the instances aside."""
PAUSE_S = 0.05
"""Between two requests: routers allow themselves few retries."""

CODE = """
import asyncio
import logging
from pathlib import Path
from typing import Protocol

from aether import Slice, call, get, remote, span
from aether.host.body import Disconnected

MARKS = Path({marks!r})


@remote("traced:{after}")
class Next(Protocol):
    @call(idempotent=True)
    async def go(self, key: str) -> str: ...


def work() -> int:
    logging.getLogger("hop").warning("working in a thread")
    with span("sum up"):
        return sum(range(100))


class Hop(Slice):
    {init}

    @get("/chain/{{key}}")
    async def begin(self, key: str) -> dict[str, str]:
        await asyncio.to_thread(work)
        with span("go on"):
            return {{"path": await self.go(key)}}

    @call(idempotent=True)
    async def go(self, key: str) -> str:
        if "{name}" == "b":
            await asyncio.get_running_loop().run_in_executor(None, work)
        if "{name}" == "c" and key.startswith("again"):
            mark = MARKS / key
            try:
                mark.touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                raise Disconnected("the first attempt is lost")
        if "{name}" == "f" and key.startswith("bad"):
            raise ValueError(key)
        return "{name}" + {rest}
"""


def write_hop(folder: Path, name: str, marks: Path) -> Path:
    """Write the project of one slice of the chain; the last calls nobody."""
    after = CHAIN[CHAIN.index(name) + 1 :][:1]
    needs = f'dependencies = [{{ slice = "traced:{after}", required = true }}]' if after else ""
    code = CODE.format(
        name=name,
        after=after or name,
        marks=str(marks),
        init="def __init__(self, after: Next) -> None:\n        self.after = after"
        if after
        else "",
        rest="await self.after.go(key)" if after else "''",
    )
    if name != "a":  # only the first has a route
        begin, end = (
            code.index("    @get("),
            code.index(
                "    @call(idempotent=True)\n    async def go(self, key: str) -> str:\n        if"
            ),
        )
        code = code[:begin] + code[end:]
    table = {"id": f"traced:{name}", "entry": f"hop_{name}:Hop"}
    return write_project(folder / name, f"hop_{name}", code, table, more=needs)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with plain_nodes(27_200) as made:
        for number in (1, 2, 3):
            made.start(number, joins=None if number == 1 else 1, expect=3)
        for number in (1, 2, 3):
            made.wait_ready(number)
        marks = made.folder / "marks"
        marks.mkdir()
        for name in CHAIN:
            made.aether(1, "artifact", "push", str(write_hop(made.folder / "src", name, marks)))
        blueprint = made.folder / "chain.toml"
        slices = "".join(
            f'[[slices]]\nartifact = "traced:{name}:1.0.0"\ninstances = 2\n' for name in CHAIN
        )
        blueprint.write_text(f'id = "traced:chain:1.0.0"\n{slices}')
        made.aether(1, "blueprint", "apply", str(blueprint), "--wait")
        yield made


def ask(nodes: Nodes, number: int, path: str, flags: str) -> tuple[str, int]:
    """Make one request; return the id of its trace and the status."""
    trace = secrets.token_hex(16)
    parent = f"00-{trace}-{secrets.token_hex(8)}-{flags}"
    answer = call(nodes.port(number, "router"), "GET", path, headers={"traceparent": parent})
    return trace, answer.status


def show(nodes: Nodes, trace: str) -> dict[str, Any]:
    status, told = nodes.get(2, f"/api/v1/traces/{trace}")
    return told if status == 200 else {"linked": False, "spans": [], "nodes": []}


def kinds(told: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for span in told["spans"]:
        found[span["kind"]] = found.get(span["kind"], 0) + 1
    return found


def is_whole(told: dict[str, Any], *, again: bool) -> bool:
    """Whether all there was to tell has come: of six slices one may be asked twice, and two use threads."""
    found = kinds(told)
    return (
        found.get("handle", 0) >= len(CHAIN) + again
        and found.get("call", 0) == len(CHAIN) - 1
        and found.get("thread", 0) == 2
        and found.get("part", 0) == 3
    )


def wait_whole(nodes: Nodes, trace: str, *, again: bool) -> dict[str, Any]:
    """Return a trace once everything of it has come."""
    told: dict[str, Any] = {}

    def whole() -> bool:
        told.update(show(nodes, trace))
        return is_whole(told, again=again)

    wait_until(f"{trace} is whole", whole, 20)
    return told


def test_every_span_of_sampled_traces_has_its_place(nodes: Nodes) -> None:
    nodes.aether(1, "config", "set", "tracing.sample", "1")
    turn = iter(range(TRACES))
    lock, pause = threading.Lock(), threading.Event()
    asked: list[tuple[str, int, str]] = []

    def client(number: int) -> None:
        while True:
            with lock:
                place = next(turn, None)
                pause.wait(PAUSE_S)
            if place is None:
                return
            key = f"again-{place}" if place % RETRIED == 0 else f"once-{place}"
            asked.append((*ask(nodes, number, f"/chain/{key}", "01"), key))

    with ThreadPoolExecutor(3) as clients:
        for done in [clients.submit(client, number) for number in (1, 2, 3)]:
            done.result()
    assert [status for _, status, _ in asked] == [200] * TRACES
    told = [wait_whole(nodes, trace, again=key.startswith("again")) for trace, _, key in asked]
    assert [each["linked"] for each in told] == [True] * TRACES
    assert all(each["roots"] == 1 and each["lost"] == 0 for each in told)
    assert all(len(each["nodes"]) >= 2 for each in told), "two instances each, on three nodes"
    lost = [
        sum(span["kind"] == "attempt" and bool(span["problem"]) for span in each["spans"])
        for each in told
    ]
    retried = [count > 0 for count in lost]
    assert retried == [key.startswith("again") for _, _, key in asked]
    for each in told:
        waited = sum(span["waited_ms"] for span in each["spans"])
        assert waited == pytest.approx(1000 * each["seconds"], abs=0.1)
    shown = nodes.aether(3, "trace", "show", asked[0][0])
    assert "request GET /chain/{key}" in shown
    assert "thread work" in shown
    assert "call traced:f.go" in shown


def test_log_lines_of_a_slice_name_its_trace(nodes: Nodes) -> None:
    trace, status = ask(nodes, 1, "/chain/logged", "01")
    assert status == 200

    def named() -> bool:
        logs = [
            log for number in (1, 2, 3) for log in nodes.data_dir(number).glob("logs/traced:a*")
        ]
        lines = [line for log in logs for line in log.read_text().splitlines()]
        return any("working in a thread" in line and f"trace_id={trace}" in line for line in lines)

    wait_until("the line is there", named, 10)
    assert named()


def test_a_failure_is_kept_though_it_was_not_sampled(nodes: Nodes) -> None:
    nodes.aether(1, "config", "set", "tracing.sample", "0")
    trace, status = ask(nodes, 2, "/chain/bad-1", "00")
    assert status == 500

    def slices_told() -> set[str]:
        return {span["slice"] for span in show(nodes, trace)["spans"] if span["kind"] == "handle"}

    wanted = {f"traced:{name}" for name in CHAIN}
    wait_until("every host has told", lambda: slices_told() == wanted, 20)
    told = show(nodes, trace)
    assert (told["linked"], told["status"]) == (True, 500)
    listed = json.loads(nodes.aether(1, "trace", "list", "--errors", "-o", "json"))
    assert trace in [item["trace"] for item in listed["items"]]
    quiet, status = ask(nodes, 2, "/chain/good-1", "00")
    assert status == 200
    assert show(nodes, quiet)["spans"] == []
