"""One client of the store process: requests in, answers and watched changes out."""

import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

import structlog

from aether.core.model.ids import NodeId, parse_node_id
from aether.core.store.commands import Range
from aether.core.store.machine import KvMachine
from aether.errors import AetherError, Conflict, Invalid, NoQuorum
from aether.frames import FrameError
from aether.ports import Group, Member
from aether.store.failures import REFUSED, UNKNOWN, failed
from aether.store.native.results import Applied, Refused, Result, Unknown
from aether.store.outbox import ROOM_BYTES, Outbox
from aether.store.process.backups import MOST_BACKUPS, BackupStream
from aether.store.process.engines import CallbackEngine
from aether.store.process.ranges import read_many, read_one
from aether.store.process.subscriptions import Feed, Subscription
from aether.store.protocol import (
    MAX_REQUEST_BYTES,
    AddMember,
    Answer,
    AskStatus,
    Backup,
    Done,
    Failed,
    Follow,
    Found,
    Get,
    Inbox,
    List,
    RemoveMember,
    Request,
    Submit,
    Transfer,
    Unfollow,
    found,
    request_decoder,
    status_to_wire,
)
from aether.tasks import Tasks

log = structlog.get_logger()

MOST_WAITING = 20_000
"""Requests of one client that may wait for an answer; more are refused."""
MOST_WATCHES = 1_000
MOST_GROUP_REQUESTS = 64
"""Questions about the group, and changes of it, of one client at once: each runs in a task."""


@dataclass(slots=True, kw_only=True)
class Served:
    """What all connections of a store process share."""

    engine: CallbackEngine
    group: Group
    machine: KvMachine
    feed: Feed
    tasks: Tasks
    greet: Callable[[], tuple[Answer, ...]]
    """What every new connection is told first."""
    connections: "set[Connection]"
    backup: Callable[[], Iterator[bytes]]
    """Begins a backup of the state as it stands."""
    most_connections: int = 16
    most_partial_bytes: int = 16 * 1024 * 1024
    """Bytes of incomplete frames, of all connections together."""


class Connection(asyncio.Protocol):
    """Answers one client. Any failure to speak the protocol ends the connection, nothing else."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._inbox = Inbox(request_decoder, MAX_REQUEST_BYTES)
        self._waiting = 0
        self._group_requests = 0
        self._watches: dict[int, Subscription] = {}
        self._lists: deque[Iterator[Found]] = deque()
        """Answers of reads that have more parts, or wait for room."""
        self._backups: list[BackupStream] = []
        self._out: Outbox | None = None
        self._transport: asyncio.Transport | None = None

    # -- the transport -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet a client, or turn it away."""
        transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        if len(self._served.connections) >= self._served.most_connections or not _is_ours(
            transport
        ):
            log.warning("store client turned away", connections=len(self._served.connections))
            transport.abort()
            return
        transport.set_write_buffer_limits(high=ROOM_BYTES)
        self._transport = transport
        self._out = Outbox(transport, self._progress, self._pump)
        self._served.connections.add(self)
        for message in self._served.greet():
            self._out.add(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        """Forget the client; what it asked goes on and is answered to nobody."""
        self._served.connections.discard(self)
        for watch in self._watches.values():
            self._served.feed.close(watch)
        self._watches.clear()
        self._lists.clear()
        for stream in self._backups:
            stream.close()
        if self._out is not None:
            self._out.close()
            self._out = None

    def pause_writing(self) -> None:
        """Take no more requests while the client does not take its answers."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on where there was no room."""
        if self._transport is None or self._out is None:
            return
        self._transport.resume_reading()
        self._out.look_for_room()

    def data_received(self, data: bytes) -> None:
        """Handle every request that is complete."""
        if self._out is None:
            return
        try:
            messages = self._inbox.feed(data)
            self._check_partial_frames()
        except FrameError as problem:
            log.warning("store client does not speak the protocol", problem=str(problem))
            self.abort()
            return
        for message in messages:
            if type(message) is Submit:
                self._submit(message)
            else:
                self._handle(message)

    def _check_partial_frames(self) -> None:
        if self._inbox.waiting_bytes:
            most = self._served.most_partial_bytes
            together = sum(peer.partial_bytes for peer in self._served.connections)
            if together > most:
                raise FrameError(f"incomplete frames hold {together} bytes; the limit is {most}")

    @property
    def partial_bytes(self) -> int:
        """Bytes of a frame that is not complete yet."""
        return self._inbox.waiting_bytes

    def abort(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End the connection when what was said is sent."""
        if self._transport is not None:
            self._transport.close()

    def say(self, message: Answer) -> None:
        """Send a message with this turn."""
        if self._out is not None:
            self._out.add(message)

    # -- writes and reads ----------------------------------------------------------------------

    def _submit(self, asked: Submit) -> None:
        if self._waiting >= MOST_WAITING:
            self._refuse_busy(asked.id)
            return
        self._waiting += 1
        done = partial(self._submitted, asked.id)
        self._served.engine.submit(asked.command, done, asked.timeout_ms / 1000)

    def _submitted(self, number: int, result: Result) -> None:
        self._waiting -= 1
        if self._out is None:
            return
        if type(result) is Applied:
            self._out.add(Done(number, result.data))
        else:
            self._out.add(_not_done(number, result))

    def _refuse_busy(self, number: int) -> None:
        waiting = self._waiting + self._group_requests
        message = f"{waiting} requests of this client wait already"
        self.say(Failed(number, REFUSED, "busy", message))

    def _read(self, asked: Get | List) -> None:
        if not asked.fresh:
            self._answer_read(asked)
        elif self._waiting >= MOST_WAITING:
            self._refuse_busy(asked.id)
        else:
            self._waiting += 1
            self._served.engine.read(partial(self._let_through, asked), asked.timeout_ms / 1000)

    def _let_through(self, asked: Get | List, problem: Refused | Unknown | None) -> None:
        self._waiting -= 1
        if self._out is None:
            return
        if problem is None:
            self._answer_read(asked)
        elif isinstance(problem, Unknown):
            self.say(Failed(asked.id, REFUSED, "no_quorum", problem.message))
        else:
            self.say(_not_done(asked.id, problem))

    def _answer_read(self, asked: Get | List) -> None:
        try:
            if type(asked) is Get:
                self._answer(asked.id, read_one(self._served.machine, asked))
            elif type(asked) is List:
                self._answer(asked.id, read_many(self._served.machine, asked))
        except AetherError as problem:
            self.say(failed(asked.id, problem))

    def _answer(self, number: int, answer: Range) -> None:
        if len(answer.entries) <= 1 and not self._lists and self._out and not self._out.is_full():
            entries = list(answer.entries)
            self._out.add(Found(number, answer.revision, entries, answer.more, last=True))
            return
        self._lists.append(found(number, answer))
        if len(self._lists) == 1:
            self._pump_lists()

    def _pump(self) -> None:
        for watch in self._watches.values():
            watch.pump()
        self._pump_lists()
        for stream in self._backups:
            stream.pump()

    def _pump_lists(self) -> None:
        while self._lists and self._out is not None and not self._out.is_full():
            part = next(self._lists[0], None)
            if part is None:
                self._lists.popleft()
            else:
                self._out.add(part)

    # -- watches -------------------------------------------------------------------------------

    def _follow(self, asked: Follow) -> None:
        assert self._out is not None  # noqa: S101 - requests are handled while connected
        if asked.id in self._watches or len(self._watches) >= MOST_WATCHES:
            message = f"watch {asked.id} is open, or {MOST_WATCHES} others are"
            self.say(failed(asked.id, Invalid(message)))
            return
        try:
            self._watches[asked.id] = self._served.feed.open(asked, self._out)
        except Conflict as problem:
            self.say(failed(asked.id, problem))

    def _unfollow(self, number: int) -> None:
        watch = self._watches.pop(number, None)
        if watch is not None:
            self._served.feed.close(watch)

    def _progress(self) -> None:
        """Add what eager watches must know before anything else of this turn is sent."""
        for watch in self._watches.values():
            watch.progress(eager=True)

    def tell_progress(self) -> None:
        """Tell every watch how far it is, and forget those that were cut off."""
        for number, watch in list(self._watches.items()):
            if watch.is_ended:
                del self._watches[number]
            else:
                watch.progress(eager=False)
        if any(stream.is_stalled for stream in self._backups):
            log.warning("store client takes nothing of its backup, ending it")
            self.abort()

    # -- backups -------------------------------------------------------------------------------

    @property
    def backups(self) -> int:
        """Backups this client is being sent."""
        return sum(not stream.is_ended for stream in self._backups)

    def _backup(self, asked: Backup, problem: Refused | Unknown | None) -> None:
        """Begin to send a backup, now that everything acknowledged before has been applied."""
        self._waiting -= 1
        if self._out is None:
            return
        if problem is not None:
            self.say(Failed(asked.id, REFUSED, "no_quorum", problem.message))
        elif sum(peer.backups for peer in self._served.connections) >= MOST_BACKUPS:
            message = f"{MOST_BACKUPS} backups are being taken here already; try again later"
            self.say(failed(asked.id, Conflict(message)))
        else:
            self._backups = [stream for stream in self._backups if not stream.is_ended]
            self._backups.append(BackupStream(asked.id, self._served.backup(), self._out))
            self._backups[-1].pump()

    # -- everything that is rare ---------------------------------------------------------------

    def _handle(self, message: Request) -> None:
        match message:
            case Get() | List():
                self._read(message)
            case Follow():
                self._follow(message)
            case Unfollow():
                self._unfollow(message.id)
            case Submit():
                self._submit(message)
            case Backup() if self._waiting >= MOST_WAITING:
                self._refuse_busy(message.id)
            case Backup(timeout_ms=ms):
                self._waiting += 1
                self._served.engine.read(partial(self._backup, message), ms / 1000)
            case AskStatus() | AddMember() | RemoveMember() | Transfer():
                self._start(message)

    async def _ask_group(self, message: AskStatus | AddMember | RemoveMember | Transfer) -> Answer:
        group = self._served.group
        match message:
            case AskStatus():
                return status_to_wire(message.id, await group.status())
            case AddMember(timeout_ms=ms):
                member = Member(_node(message.node), message.address, message.voter)
                await group.add_member(member, ms / 1000)
            case RemoveMember(timeout_ms=ms):
                await group.remove_member(_node(message.node), ms / 1000)
            case Transfer(timeout_ms=ms):
                target = None if message.node is None else _node(message.node)
                leader = await group.transfer_leadership(target, ms / 1000)
                return Done(message.id, leader.encode())
        return Done(message.id, b"")

    def _start(self, asked: AskStatus | AddMember | RemoveMember | Transfer) -> None:
        if self._group_requests >= MOST_GROUP_REQUESTS:
            self._refuse_busy(asked.id)
            return
        self._group_requests += 1
        self._served.tasks.start("store-group", self._answer_about_group(asked))

    async def _answer_about_group(
        self, asked: AskStatus | AddMember | RemoveMember | Transfer
    ) -> None:
        try:
            self.say(await self._ask_group(asked))
        except AetherError as problem:
            self.say(failed(asked.id, problem))
        finally:
            self._group_requests -= 1


def _not_done(number: int, result: Refused | Unknown | Applied) -> Failed:
    match result:
        case Unknown(message):
            return Failed(number, UNKNOWN, "outcome_unknown", message)
        case Refused("too_large", message):
            return Failed(number, "invalid", "too_large", message)
        case Refused(code, message):
            return Failed(number, REFUSED, code, message)
        case Applied():
            return failed(number, NoQuorum("an answer without an outcome"))


def _node(name: str) -> NodeId:
    try:
        return parse_node_id(name)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem


def _is_ours(transport: asyncio.Transport) -> bool:
    """Whether the other side is a process of this user, or root; the directory is private anyway."""
    own = transport.get_extra_info("socket")
    if own is None or not hasattr(socket, "SO_PEERCRED"):
        return True
    raw = own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", raw)
    return user in (0, os.getuid())
