"""Two connections after a switch of protocols: bytes go both ways until one side ends.

Rules for this file. Nothing is looked at and nothing is kept: what one side sent is written to the
other, and a side that is slower than what it is sent stops the reading on the other. Whichever side
ends, the other is closed once it was sent all there is. Silence both ways for `idle_s` ends both.
"""

from collections.abc import Callable
from typing import Protocol

from aether.core.dataplane.balance import Outcome
from aether.dataplane.heads import ResponseHead
from aether.dataplane.upstream import UpstreamConnection


class NearEnd(Protocol):
    """The client's connection after the switch."""

    deadline: float

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        ...

    def hold_body(self, *, held: bool) -> None:
        """Read no more from the client for now, or go on."""
        ...

    def close(self) -> None:
        """Close once all that was written is sent."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class Tunnel:
    """Carries bytes between a client and an instance; `on_end` hears once how it ended."""

    __slots__ = ("_client", "_connection", "_idle_s", "_now", "_on_end", "bytes_in", "bytes_out")

    def __init__(
        self,
        client: NearEnd,
        connection: UpstreamConnection,
        idle_s: float,
        now: Callable[[], float],
        on_end: Callable[[Outcome], None],
    ) -> None:
        self._client = client
        self._connection: UpstreamConnection | None = connection
        self._idle_s = idle_s
        self._now = now
        self._on_end = on_end
        self.bytes_in = 0
        self.bytes_out = 0
        self._touch()

    def _touch(self) -> None:
        self._client.deadline = self._now() + self._idle_s

    def _end(self, outcome: Outcome) -> UpstreamConnection | None:
        """Forget the connection to the instance and return it; None when that was done before."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.receiver = None
            self._on_end(outcome)
        return connection

    # -- the client's side: see FarEnd

    def received(self, data: bytes) -> None:
        """See FarEnd."""
        if self._connection is not None:
            self._touch()
            self.bytes_in += len(data)
            self._connection.write(data)

    def hold(self, *, held: bool) -> None:
        """See FarEnd."""
        if self._connection is not None:
            self._touch()
            self._connection.hold_answer(held=held)

    def client_lost(self) -> None:
        """See FarEnd."""
        connection = self._end(Outcome.OK)
        if connection is not None:
            connection.hold_answer(held=False)
            connection.close()

    def expire(self) -> None:
        """See FarEnd."""
        connection = self._end(Outcome.OK)
        if connection is not None:
            connection.abandon()
        self._client.abort()

    # -- the instance's side: see Receiver

    def more(self, connection: UpstreamConnection, payload: bytes, *, done: bool) -> None:
        """See Receiver."""
        self._touch()
        self.bytes_out += len(payload)
        if payload:
            self._client.write(payload)
        if done:
            self._finish(connection, Outcome.OK)

    def lost(self, connection: UpstreamConnection, reason: str) -> None:  # noqa: ARG002 - Receiver's signature
        """See Receiver."""
        self._finish(connection, Outcome.FAILED)

    def _finish(self, connection: UpstreamConnection, outcome: Outcome) -> None:
        self._end(outcome)
        connection.abandon()
        self._client.hold_body(held=False)
        self._client.close()

    def hold_request(self, *, held: bool) -> None:
        """See Receiver."""
        self._touch()
        self._client.hold_body(held=held)

    def connected(self, connection: UpstreamConnection) -> None:
        """See Receiver: not called, the connection is open."""

    def not_connected(self, connection: UpstreamConnection, reason: str) -> None:
        """See Receiver: not called, the connection is open."""

    def answered(
        self, connection: UpstreamConnection, head: ResponseHead, payload: bytes, *, done: bool
    ) -> None:
        """See Receiver: not called, the answer was the switch."""

    def switched(self, connection: UpstreamConnection, head: ResponseHead, payload: bytes) -> None:
        """See Receiver: not called a second time."""
