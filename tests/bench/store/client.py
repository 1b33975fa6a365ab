"""A closed loop of many clients against one store socket, cheap enough not to be what is measured.

`python -m tests.bench.store.client SOCKET KIND CLIENTS SECONDS` prints one JSON object. No future, task or object per
request: the frame is a template into which numbers are written, and the answer's id says whose turn it is. It runs
in one process; up to 16 clients share a connection, as with the peer.
"""

import asyncio
import json
import resource
import secrets
import struct
import sys
import time
from dataclasses import asdict
from typing import cast

import uvloop

from aether.core.model.reason import Reason
from aether.core.store.codec import encode_command
from aether.core.store.commands import Put, Txn
from aether.store import protocol
from tests.bench.store.peers import KEY, STREAMS, VALUE_BYTES, Load, summarise

TIMEOUT_MS = 10_000
KEYS = 6250
"""Distinct keys of one connection; a short run writes each once."""
_MARK = b"0123456789"
_ID = struct.Struct(">I")


def write_template(run: str) -> tuple[bytes, ...]:
    """Return what stands around the digits of a put: the key's, then the request id's.

    `run` sets the keys of one run apart from those of another.
    """
    digits = _MARK.decode()
    txn = Txn(
        then=(Put(f"bench/{run}/{digits}", b"v" * VALUE_BYTES),),
        reason=Reason(actor="bench", rule="load", text="", inputs={}),
        request_id=f"{run}{digits}",
    )
    return tuple(encode_command(txn).split(_MARK))


class Clients(asyncio.Protocol):
    """Some clients that share one connection; each sends again when it was answered."""

    def __init__(self, kind: str, run: str, clients: int) -> None:
        self._kind = kind
        self._run = run
        self._clients = clients
        self._inbox = protocol.Inbox(protocol.answer_decoder, protocol.MAX_ANSWER_BYTES)
        self._transport: asyncio.Transport | None = None
        self._sent = 0
        self._began: dict[int, float] = {}
        self._around = self._frames()
        self.starts: list[float] = []
        self.took: list[float] = []
        self.problem = ""
        self.stopped = False

    def _frames(self) -> tuple[bytes, ...]:
        """Return the parts of a whole frame around id (4 bytes) and digits."""
        frame = bytearray()
        number = 2**32 - 1
        if self._kind == "write":
            command = _MARK.join(write_template(self._run))
            protocol.add_frame(frame, protocol.Submit(number, TIMEOUT_MS, command))
        else:
            fresh = self._kind == "read"
            protocol.add_frame(frame, protocol.Get(number, TIMEOUT_MS, fresh, KEY))
        before, _, after = bytes(frame).partition(b"\xff\xff\xff\xff")
        return (before, *after.split(_MARK))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let every client send its first request."""
        self._transport = cast("asyncio.Transport", transport)
        now = time.perf_counter()
        self._transport.write(b"".join(self._next(now) for _ in range(self._clients)))

    def _next(self, now: float) -> bytes:
        self._sent = number = self._sent + 1
        self._began[number] = now
        if self._kind != "write":
            before, after = self._around
            return before + _ID.pack(number) + after
        before, key, request, after = self._around
        named, digits = b"%010d" % (number % KEYS), b"%010d" % number
        return b"".join((before, _ID.pack(number), key, named, request, digits, after))

    def data_received(self, data: bytes) -> None:
        """Note what was answered; its clients send again."""
        now = time.perf_counter()
        frames = []
        for answer in self._inbox.feed(data):
            if isinstance(answer, protocol.Done | protocol.Found):
                began = self._began.pop(answer.id)
                self.starts.append(began)
                self.took.append(now - began)
                if not self.stopped:
                    frames.append(self._next(now))
            elif isinstance(answer, protocol.Failed):
                self.problem = self.problem or f"{answer.code}: {answer.message}"
        if frames and self._transport is not None:
            self._transport.write(b"".join(frames))

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so when it was not us who ended."""
        if not self.stopped:
            self.problem = self.problem or f"the connection ended: {exc}"

    @property
    def waiting(self) -> int:
        """Requests sent and not answered."""
        return len(self._began)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def run(path: str, kind: str, clients: int, seconds: float) -> Load:
    """Load one socket; raises RuntimeError when any request failed."""
    loop = asyncio.get_running_loop()
    idle = _cpu_s()
    streams = min(STREAMS, clients)
    groups: list[Clients] = []
    for _ in range(clients // streams):
        group = Clients(kind, secrets.token_hex(4), streams)
        await loop.create_unix_connection(lambda group=group: group, path)  # type: ignore[misc]
        groups.append(group)
    await asyncio.sleep(seconds)
    for group in groups:
        group.stopped = True
    give_up_at = loop.time() + TIMEOUT_MS / 1000
    while any(group.waiting for group in groups) and loop.time() < give_up_at:
        if any(group.problem for group in groups):
            break
        await asyncio.sleep(min(0.01, seconds))
    for group in groups:
        group.close()
        if group.problem or group.waiting:
            raise RuntimeError(f"{kind}: {group.problem or 'requests were never answered'}")
    used = _cpu_s() - idle
    starts = [start for group in groups for start in group.starts]
    took = [each for group in groups for each in group.took]
    return summarise(starts, took, used)


if __name__ == "__main__":
    outcome = uvloop.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
