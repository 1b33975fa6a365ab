"""The way reports go: streams between machines that are cut, slow, and lose what was under way."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.errors import Unavailable
from aether.proto.v1 import cluster_pb2 as pb
from aether.rpc.reports import ReportStream
from aether_forge.sim.owners import Owner, of_nobody

_LOOK_S = 0.5
"""How often what a machine that stands still has not read yet is tried again."""


@dataclass(slots=True, kw_only=True)
class LinkWeather:
    """How reports travel. Times in virtual seconds, chances from 0 to 1."""

    latency_s: float = 0.01
    slow: float = 0.0
    """Chance that a report takes up to 5 s."""
    breaks: float = 0.0
    """Chance that a stream breaks at a report, which is lost."""
    overflows: float = 0.1
    """Chance that a stream ends at a look at what its receiver, who stands still, has not read."""


@dataclass(slots=True)
class Ear:
    """Where a machine takes reports in: one life of its node."""

    owner: Owner
    hear: Callable[[NodeId, str], None]


class Links:
    """Every way between two machines. A cut is symmetric; nothing passes it."""

    def __init__(self, dice: random.Random, weather: LinkWeather) -> None:
        self.weather = weather
        self.ears: dict[NodeId, Ear] = {}
        """Machines whose node runs."""
        self._dice = dice
        self._sides: dict[NodeId, int] = {}

    def cut(self, side: set[NodeId]) -> None:
        """Part some machines from all others."""
        self._sides = dict.fromkeys(sorted(side), 1)

    def heal(self) -> None:
        """Take every cut away."""
        self._sides.clear()

    def passes(self, one: NodeId, other: NodeId) -> bool:
        """Whether anything gets from one machine to the other."""
        return self._sides.get(one, 0) == self._sides.get(other, 0)

    def link_of(self, node: NodeId) -> "ReportLinkOf":
        """Return a machine's way to the leader."""
        return ReportLinkOf(self, node)

    def pause_s(self) -> float:
        """Return how long one report takes."""
        slow = self.weather.slow and self._dice.random() < self.weather.slow
        return self._dice.uniform(0.0, 5.0 if slow else self.weather.latency_s)

    def breaks(self) -> bool:
        """Return whether a stream breaks now."""
        return bool(self.weather.breaks) and self._dice.random() < self.weather.breaks

    def overflows(self) -> bool:
        """Return whether a stream to a machine that stands still ends now."""
        return self._dice.random() < self.weather.overflows


class ReportLinkOf:
    """`rpc.reports.ReportLink` of one machine."""

    def __init__(self, links: Links, node: NodeId) -> None:
        self._links = links
        self._node = node

    @property
    def self_node(self) -> NodeId:
        """The node that reports."""
        return self._node

    @asynccontextmanager
    async def report_stream(self, node: NodeId, /) -> AsyncIterator[ReportStream]:
        """Open a stream; a machine that cannot be reached is found out at the first report."""
        await asyncio.sleep(0)
        yield _Stream(self._links, self._node, node)


class _Stream:
    def __init__(self, links: Links, sender: NodeId, receiver: NodeId) -> None:
        self._links = links
        self._sender = sender
        self._receiver = receiver
        self._ear = links.ears.get(receiver)
        self._broken = False

    def done(self) -> bool:
        """Whether the stream is over: broken, or the life at the other end is."""
        return self._broken or self._links.ears.get(self._receiver) is not self._ear

    async def write(self, request: pb.NodeReport, /) -> None:
        """Send a report; it is lost without a word when a cut is on the way."""
        await asyncio.sleep(0)
        ear, links = self._ear, self._links
        if ear is None or self.done():
            self._broken = True
            raise Unavailable(f"nobody listens on {self._receiver}")
        if links.breaks():
            self._broken = True
            raise Unavailable("the stream broke")
        if links.passes(self._sender, self._receiver):
            self._carry(ear, request)

    async def read(self) -> bytes | None:
        """Return None: simulated leaders are told nothing they could share."""
        await asyncio.sleep(0)
        return None

    def _carry(self, ear: Ear, request: pb.NodeReport) -> None:
        node, incarnation = NodeId(request.node), request.incarnation
        loop = asyncio.get_running_loop()

        def arrive() -> None:
            if ear.owner.frozen:
                # What came meanwhile is read after everything that was due, or was lost with its stream.
                self._broken = self._broken or self._links.overflows()
                if not self._broken:
                    loop.call_later(_LOOK_S, arrive, context=of_nobody())
                return
            loop.call_soon(ear.hear, node, incarnation, context=ear.owner.context)

        loop.call_later(self._links.pause_s(), arrive, context=of_nobody())
