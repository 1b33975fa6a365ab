"""The connection to the store process: opened again whenever it is lost, many calls at once."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self, cast

import structlog

from aether.errors import Invalid, NoQuorum, OutcomeUnknown, Unavailable
from aether.frames import FrameError
from aether.store.failures import error_of
from aether.store.outbox import Outbox
from aether.store.protocol import (
    MAX_ANSWER_BYTES,
    PROTOCOL,
    Answer,
    Batch,
    Done,
    Failed,
    Found,
    Get,
    Hello,
    Inbox,
    List,
    Progress,
    Request,
    Shape,
    Status,
    Submit,
    answer_decoder,
)

log = structlog.get_logger()

FIRST_BACKOFF_S = 0.02
LAST_BACKOFF_S = 0.5
SWEEP_S = 0.25
GRACE_S = 0.5
"""The store process answers every request within its time; so much later it is given up here."""
MOST_QUEUED_BYTES = 64 * 1024 * 1024
"""Bytes the store process has not taken; calls are refused while there are more."""


class Listener(Protocol):
    """Who is told what comes without being asked for."""

    def connected(self) -> None:
        """Send requests from now on."""
        ...

    def disconnected(self) -> None:
        """Know that the connection was lost, and every watch with it."""
        ...

    def heard(self, message: Shape | Batch | Progress | Failed) -> None:
        """Something about the group, or about a watch."""
        ...


class _Call:
    """One request that waits for its answer."""

    __slots__ = ("answer", "asked", "deadline", "parts")

    def __init__(self, asked: Request, deadline: float, answer: "asyncio.Future[Answer]") -> None:
        self.asked = asked
        self.deadline = deadline
        self.answer = answer
        self.parts: list[Found] = []


class _Stream(asyncio.Protocol):
    """One connection's life."""

    def __init__(self, link: "Link") -> None:
        self._link = link
        self._inbox = Inbox(answer_decoder, MAX_ANSWER_BYTES)
        self._transport: asyncio.Transport | None = None
        self.lost = asyncio.get_running_loop().create_future()

    def itself(self) -> Self:
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - data comes after the connection was made
        self._link.heard_at = asyncio.get_running_loop().time()
        try:
            for message in self._inbox.feed(data):
                self._link.take(message, self._transport)
        except FrameError as problem:
            log.warning("the store process does not speak the protocol", problem=str(problem))
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        if not self.lost.done():
            self.lost.set_result(None)


class Link:
    """Calls the store process at `path`. `run` keeps the connection; calls wait for it."""

    def __init__(self, path: Path, node: str, cluster_id: str, listener: Listener) -> None:
        self._path = path
        self._expected = (PROTOCOL, node, cluster_id)
        self._listener = listener
        self._numbers = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._out: Outbox | None = None
        self._up = asyncio.Event()
        self.heard_at = 0.0
        """When anything came last, on the loop's clock."""

    @property
    def silent_s(self) -> float:
        """Seconds for which nothing came."""
        return asyncio.get_running_loop().time() - self.heard_at

    @property
    def is_up(self) -> bool:
        """Whether there is a connection."""
        return self._out is not None

    def next_id(self) -> int:
        """Return a number no request of this life had."""
        return next(self._numbers)

    # -- the connection ------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        loop = asyncio.get_running_loop()
        backoff = FIRST_BACKOFF_S
        while True:
            stream = _Stream(self)
            try:
                transport, _ = await loop.create_unix_connection(stream.itself, str(self._path))
            except OSError as problem:
                if backoff == FIRST_BACKOFF_S:
                    log.debug("the store process does not answer", problem=str(problem))
            else:
                try:
                    await self._keep(stream)
                finally:
                    transport.abort()
                    was_up = self._drop()
                backoff = FIRST_BACKOFF_S if was_up else backoff
            await asyncio.sleep(backoff)
            backoff = min(LAST_BACKOFF_S, backoff * 2)

    async def _keep(self, stream: _Stream) -> None:
        """Give up calls that are late until the connection is lost."""
        while not stream.lost.done():
            await asyncio.wait((stream.lost,), timeout=SWEEP_S)
            now = asyncio.get_running_loop().time()
            late = [number for number, call in self._calls.items() if call.deadline < now]
            for number in late:
                self._give_up(self._calls.pop(number), "the store process did not answer in time")

    def _drop(self) -> bool:
        """Forget the connection; return whether it had been greeted."""
        if self._out is None:
            return False
        self._out.close()
        self._out = None
        self._up.clear()
        calls, self._calls = self._calls, {}
        for call in calls.values():
            self._give_up(call, "the connection to the store process was lost")
        log.warning("the connection to the store process was lost", calls=len(calls))
        self._listener.disconnected()
        return True

    def _give_up(self, call: _Call, why: str) -> None:
        if call.answer.done():
            return
        is_read = isinstance(call.asked, Get | List)
        call.answer.set_exception(Unavailable(why) if is_read else OutcomeUnknown(why))

    # -- messages ------------------------------------------------------------------------------

    def take(self, message: Answer, transport: asyncio.Transport) -> None:
        """Handle one message of the store process."""
        match message:
            case Done() | Status():
                self._answer(message.id, message)
            case Found():
                self._found(message)
            case Failed():
                self._failed(message)
            case Batch() | Progress() | Shape():
                self._listener.heard(message)
            case Hello():
                self._greeted(message, transport)

    def _greeted(self, hello: Hello, transport: asyncio.Transport) -> None:
        found = (hello.protocol, hello.node, hello.cluster_id)
        if found != self._expected or self._out is not None:
            raise FrameError(f"{found} answers where {self._expected} was expected")
        self._out = Outbox(transport)
        self._listener.connected()
        self._up.set()

    def _answer(self, number: int, message: Answer) -> None:
        call = self._calls.pop(number, None)
        if call is not None and not call.answer.done():
            call.answer.set_result(message)

    def _found(self, message: Found) -> None:
        call = self._calls.get(message.id)
        if call is None:
            return
        call.parts.append(message)
        if message.last:
            self._answer(message.id, message)

    def _failed(self, message: Failed) -> None:
        call = self._calls.pop(message.id, None)
        if call is None:
            self._listener.heard(message)
        elif not call.answer.done():
            call.answer.set_exception(error_of(message))

    # -- requests ------------------------------------------------------------------------------

    def tell(self, message: Request) -> None:
        """Send a request that is answered to the listener, or not at all; lost while not connected."""
        if self._out is not None:
            self._out.add(message)

    async def submit(self, command: bytes, timeout_s: float) -> bytes:
        """Have a command committed; see `store.submitter.Propose`."""
        answer = await self.call(
            lambda number, ms: Submit(number, ms, command), timeout_s, NoQuorum
        )
        if not isinstance(answer, Done):
            raise Invalid(f"the store process answered a command with {type(answer).__name__}")
        return answer.data

    async def read(self, asked: Callable[[int, int], Get | List], timeout_s: float) -> list[Found]:
        """Have something read; return all parts of the answer."""
        call = await self._begin(asked, timeout_s, Unavailable)
        await call.answer
        return call.parts

    async def call(
        self,
        asked: Callable[[int, int], Request],
        timeout_s: float,
        unsent: type[Unavailable] = Unavailable,
    ) -> Answer:
        """Send what `asked` makes of an id and a time in ms, and return the answer.

        Raises `unsent` when there was no connection in time, what the answer says when it is a
        failure, OutcomeUnknown (Unavailable for a read) when the connection was lost meanwhile.
        """
        return await (await self._begin(asked, timeout_s, unsent)).answer

    async def _begin(
        self, asked: Callable[[int, int], Request], timeout_s: float, unsent: type[Unavailable]
    ) -> _Call:
        loop = asyncio.get_running_loop()
        if self._out is None:
            began = loop.time()
            await self._wait_up(timeout_s, unsent)
            timeout_s = max(0.001, timeout_s - (loop.time() - began))
        out = self._out
        if out is None or out.queued_bytes > MOST_QUEUED_BYTES:
            raise unsent("the store process does not take requests fast enough")
        number = next(self._numbers)
        message = asked(number, max(1, int(timeout_s * 1000)))
        call = _Call(message, loop.time() + timeout_s + GRACE_S, loop.create_future())
        out.add(message)
        self._calls[number] = call
        return call

    async def _wait_up(self, timeout_s: float, unsent: type[Unavailable]) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError as late:
            raise unsent(
                f"the store process of this node did not answer within {timeout_s:g} s"
            ) from late
