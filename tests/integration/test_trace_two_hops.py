"""One trace from a client over two slices on two nodes, in processes of their own.

client → router of node-1 → host of `front` → router of node-1 → router of node-2 → host of `back`
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.records import Dependency
from tests.integration.host_rig import HostRig, host_rig
from tests.integration.router_rig import RouterProcess, fetch, row, until

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OWN = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01"
FRONT, BACK = "org.example:front", "org.example:back"

SLICES = f"""
    from typing import Protocol
    from aether import (
        Slice, TraceContext, call, get, remote, request_id, trace_context, use_trace_context,
    )

    def seen() -> dict[str, str]:
        trace = trace_context()
        parent, state = (trace.traceparent, trace.tracestate) if trace else ("", "")
        return {{"parent": parent, "state": state, "request": request_id()}}

    class Back(Slice):
        @call(idempotent=True)
        async def look(self) -> dict[str, str]:
            return seen()

    @remote("{BACK}")
    class BackClient(Protocol):
        @call(idempotent=True)
        async def look(self) -> dict[str, str]: ...

    class Front(Slice):
        def __init__(self, back: BackClient) -> None:
            self.back = back

        @get("/look")
        async def look(self, own: str = "") -> dict[str, dict[str, str]]:
            if not own:
                return {{"front": seen(), "back": await self.back.look()}}
            with use_trace_context(TraceContext(own)):
                return {{"front": seen(), "back": await self.back.look()}}
"""


@dataclass
class Node:
    """Launcher and router of one node, and the instance it hosts."""

    name: str
    hosts: HostRig
    router: RouterProcess
    socket: str = ""

    def endpoint(self, base: str, at: "Node") -> Endpoint:
        """Return how this node's instance is reached from a node."""
        here = {"socket": self.socket} if at is self else {"mesh": self.router.mesh}
        return Endpoint(
            instance=InstanceId(f"{base}:1.0.0/0"),
            slice=SliceBase(base),
            node=NodeId(self.name),
            **here,
        )


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[Node, Node]]:
    async with AsyncExitStack() as stack:
        made = []
        for name, entry in (("node-1", "Front"), ("node-2", "Back")):
            hosts = await stack.enter_async_context(host_rig())
            hosts.write("traced", SLICES)
            router = RouterProcess(hosts.data_dir, name)
            stack.push_async_callback(router.close)
            await router.start()
            needs = (Dependency(slice=SliceBase(BACK)),) if entry == "Front" else ()
            manifest = hosts.manifest(f"traced:{entry}", name=entry.lower(), dependencies=needs)
            made.append(Node(name, hosts, router, await hosts.serve(manifest)))
        front, back = made
        routes = [row("/look", "GET", slice=SliceBase(FRONT))]
        for node in made:
            await node.router.use(routes, [front.endpoint(FRONT, node), back.endpoint(BACK, node)])
        yield front, back


def without_spans(told: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Return what both slices saw with nothing of a parent but its trace and its flags."""
    return {
        name: seen | {"parent": seen["parent"][:36] + seen["parent"][52:]}
        for name, seen in told.items()
    }


async def test_a_trace_spans_both_slices(nodes: tuple[Node, Node]) -> None:
    front, back = nodes
    lines = (f"traceparent: {PARENT}", "tracestate: vendor=7", "x-request-id: r-1")
    answer = await fetch(front.router.public, "/look", *lines)
    expected = {"parent": f"{PARENT[:36]}-01", "state": "vendor=7", "request": "r-1"}
    told = answer.json()
    assert without_spans(told) == {"front": expected, "back": expected}
    spans = {PARENT[36:52], told["front"]["parent"][36:52], told["back"]["parent"][36:52]}
    assert len(spans) == 3, "each slice works in a span of its own"
    assert "traceparent" not in answer.headers

    begun = (await fetch(front.router.public, "/look")).json()
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", begun["front"]["parent"])
    seen = without_spans(begun)
    assert seen["front"] == seen["back"]
    assert begun["front"]["request"] != ""

    broken = (
        await fetch(front.router.public, "/look", "traceparent: 00-x", "tracestate: a=1")
    ).json()
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", broken["front"]["parent"])
    seen = without_spans(broken)
    assert (seen["front"], seen["back"]["state"]) == (seen["back"], "")

    own = (await fetch(front.router.public, f"/look?own={OWN}", f"traceparent: {PARENT}")).json()
    assert own["front"]["parent"] == OWN
    assert own["back"]["parent"][:36] == OWN[:36]

    calls = {("GET /look", FRONT, 4), ("call", BACK, 4)}

    def counted(node: Node) -> set[tuple[str, str, int]]:
        return {(one.route, one.slice, one.total) for one in node.router.traffic.stats(120).series}

    await until(lambda: counted(front) == calls)
    assert counted(back) == set()
