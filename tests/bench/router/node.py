"""The node's side of some routers' table links: takes what they count and record, as a node does.

`python -m tests.bench.router.node LINK SAMPLE [LINK SAMPLE]…` tells the router behind each link which share of
requests to record, and writes `ready` once all have come. On SIGTERM it writes how many spans each has shipped.
It has no tables to tell: routers go on with the one they were started with.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from aether.core.metrics.slow_calls import SlowRule
from aether.core.tracing.sampling import TracingSettings
from aether.dataplane.feed import TableFeed
from aether.node.clock import MonotonicClock
from aether.telemetry.traces import NodeTraces
from aether.telemetry.traffic import NodeTraffic

READY = "ready\n"
COME_S = 10.0
_LOOK_S = 0.02


async def play(links: Sequence[tuple[Path, float]]) -> None:
    """Be the node of the routers behind some links until SIGTERM; each has a share to be recorded."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    clock, feeds, traces = MonotonicClock(), list[TableFeed](), list[NodeTraces]()
    for number, (path, sample) in enumerate(links):
        traces.append(NodeTraces(f"bench-{number}"))
        feeds.append(TableFeed(path, NodeTraffic(clock), traces[-1]))
        feeds[-1].tell_tracing(TracingSettings(sample))
        feeds[-1].judge_by(SlowRule())
        await feeds[-1].start()
    async with asyncio.timeout(COME_S):
        while not all(feed.using for feed in feeds):  # noqa: ASYNC110 - routers come over a socket, and ring no bell
            await asyncio.sleep(_LOOK_S)
    _say(READY)
    await stopping.wait()
    for feed in feeds:
        await feed.stop()
    _say(json.dumps([each.counts()["spans"] for each in traces]))


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    words = sys.argv[1:]
    pairs = zip(words[::2], words[1::2], strict=True)
    asyncio.run(play([(Path(link), float(sample)) for link, sample in pairs]))
