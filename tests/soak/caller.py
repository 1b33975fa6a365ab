"""A blocking client of one store socket: one request at a time, every wait with a deadline.

It is not the product's client on purpose: no retries, no mirror, no request id of its own making, so that a test says
exactly what was asked of which member and sees exactly what was answered.
"""

import socket
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from aether.core.model.reason import Reason
from aether.core.store.codec import decode_result, encode_command
from aether.core.store.commands import Applied, Entry, Outcome, Range, Txn
from aether.errors import AetherError, NoQuorum, OutcomeUnknown
from aether.frames import FrameError
from aether.store import protocol
from aether.store.failures import error_of

REASON = Reason(actor="soak", rule="test", text="", inputs={})
CONNECT_S = 0.5
SLACK_S = 0.5
"""How much longer than the server's own time-out an answer may take."""
READ_BYTES = 64 * 1024


class Caller:
    """One connection to one member; after any failure it is closed and the next call dials anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._inbox = protocol.Inbox(protocol.answer_decoder, protocol.MAX_ANSWER_BYTES)
        self._answers: deque[protocol.Answer] = deque()
        self._last = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def submit(self, txn: Txn, timeout_s: float) -> Outcome:
        """Commit a transaction.

        Raises NoQuorum when it surely was not written, OutcomeUnknown when that cannot be told (the connection ended, or
        no answer came), and what else the store answers.
        """
        request = protocol.Submit(self._number(), _ms(timeout_s), encode_command(txn))
        answer = self._ask(request, timeout_s)
        if not isinstance(answer, protocol.Done):
            raise OutcomeUnknown(f"a {type(answer).__name__} answered a command")
        return decode_result(answer.data)

    def get(self, key: str, timeout_s: float, *, fresh: bool = True) -> Entry | None:
        """Read one key; raises as `submit`, whatever the error's class nothing was changed."""
        found = self._found(protocol.Get(self._number(), _ms(timeout_s), fresh, key), timeout_s)
        return found.entries[0] if found.entries else None

    def list(self, prefix: str, timeout_s: float, *, fresh: bool = True) -> Range:
        """Read all keys under a prefix."""
        return self._found(protocol.List(self._number(), _ms(timeout_s), fresh, prefix), timeout_s)

    def status(self, timeout_s: float) -> protocol.Status:
        """Ask the member how it is."""
        answer = self._ask(protocol.AskStatus(self._number()), timeout_s)
        if not isinstance(answer, protocol.Status):
            raise OutcomeUnknown(f"a {type(answer).__name__} answered a question for status")
        return answer

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _found(self, request: protocol.Get | protocol.List, timeout_s: float) -> Range:
        answer = self._ask(request, timeout_s)
        entries: list[Entry] = []
        while isinstance(answer, protocol.Found):
            entries += answer.entries
            if answer.last:
                return Range(answer.revision, tuple(entries), answer.more)
            answer = self._answer(request.id, time.monotonic() + timeout_s)
        raise OutcomeUnknown(f"a {type(answer).__name__} answered a read")

    def _ask(self, request: protocol.Request, timeout_s: float) -> protocol.Answer:
        frame = bytearray()
        protocol.add_frame(frame, request)
        deadline = time.monotonic() + timeout_s + SLACK_S
        try:
            link = self._connected()
        except OSError as problem:
            self.close()
            raise NoQuorum(f"{self._path}: {problem}") from problem
        try:
            link.settimeout(max(0.001, deadline - time.monotonic()))
            link.sendall(frame)
            answer = self._answer(request.id, deadline)
        except (OSError, FrameError) as problem:
            self.close()
            raise OutcomeUnknown(f"{self._path}: {problem}") from problem
        if isinstance(answer, protocol.Failed):
            raise error_of(answer)
        return answer

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(CONNECT_S)
            self._socket.connect(str(self._path))
            self._inbox = protocol.Inbox(protocol.answer_decoder, protocol.MAX_ANSWER_BYTES)
            self._answers.clear()
        return self._socket

    def _answer(self, number: int, deadline: float) -> protocol.Answer:
        """Return the next answer to request `number`; others (Hello, Shape) are passed over."""
        link = self._connected()
        while True:
            while self._answers:
                answer = self._answers.popleft()
                if getattr(answer, "id", None) == number:
                    return answer
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("no answer in time")
            link.settimeout(remaining)
            data = link.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError("the member closed the connection")
            self._answers.extend(self._inbox.feed(data))

    def close(self) -> None:
        """Give the connection back; no error when there is none."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _ms(timeout_s: float) -> int:
    return max(1, int(timeout_s * 1000))


def put(caller: Caller, txn: Txn, timeout_s: float) -> bool:
    """Submit and say only whether it was applied."""
    try:
        return isinstance(caller.submit(txn, timeout_s), Applied)
    except AetherError:
        return False
