"""The launcher's event loop: sockets, ends of processes and wake-ups, on a plain selector.

No asyncio here: an event loop, its threads and its descriptors would not survive the forks.
"""

import selectors
import socket
from collections.abc import Callable
from pathlib import Path

import structlog

from aether.frames import FrameError
from aether.host.channel import Channel
from aether.host.hosts import HostProcess, Message

MAX_CHANNELS = 1024
LONGEST_WAIT_S = 1.0

log = structlog.get_logger()


class Links:
    """Everything the launcher waits for, and what is called when it happens."""

    def __init__(
        self,
        on_message: Callable[[Channel, Message], None],
        on_closed: Callable[[Channel], None],
        on_exit: Callable[[HostProcess], None],
    ) -> None:
        self._on_message = on_message
        self._on_closed = on_closed
        self._on_exit = on_exit
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._channels: set[Channel] = set()
        self._wake_read, self.wake_write = socket.socketpair()
        for end in (self._wake_read, self.wake_write):
            end.setblocking(False)  # noqa: FBT003 - the library's own signature
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def listen(self, path: Path) -> None:
        """Accept connections on a Unix socket nobody else may connect to."""
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)  # noqa: FBT003 - the library's own signature
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(256)
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ)

    def watch_exit(self, host: HostProcess) -> None:
        """Have `on_exit` called when the host's process ends."""
        self._selector.register(host.pidfd, selectors.EVENT_READ, host)

    def forget_exit(self, host: HostProcess) -> None:
        """Stop watching a process."""
        self._selector.unregister(host.pidfd)

    def turn(self, wait_s: float) -> None:
        """Wait for something, at most `wait_s`, and handle all that has happened."""
        for key, events in self._selector.select(min(max(wait_s, 0.0), LONGEST_WAIT_S)):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._wake_read:
                self._wake_read.recv(256)
            elif isinstance(key.data, HostProcess):
                self._on_exit(key.data)
            elif isinstance(key.data, Channel) and key.data in self._channels:
                self._serve(key.data, events)

    def send(self, channel: Channel, message: Message) -> None:
        """Send a message; a peer that has gone or is stuck is dropped."""
        if channel not in self._channels:
            return
        try:
            channel.send(message)
        except (OSError, ValueError) as problem:
            self._drop(channel, problem)
        else:
            self._select_for(channel)

    def close(self, channel: Channel) -> None:
        """End a connection."""
        self._drop(channel, None)

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101 - it is what became readable
        try:
            sock, _ = self._listener.accept()
        except BlockingIOError:
            return
        if len(self._channels) >= MAX_CHANNELS:
            sock.close()
            return
        channel = Channel(sock)
        self._channels.add(channel)
        self._selector.register(sock, selectors.EVENT_READ, channel)

    def _serve(self, channel: Channel, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                channel.flush()
                self._select_for(channel)
            messages = channel.receive() if events & selectors.EVENT_READ else []
        except OSError as problem:
            self._drop(channel, problem)
            return
        for message in messages or ():
            if not isinstance(message, dict):
                self._drop(channel, FrameError(f"a message is a map, not {type(message).__name__}"))
                return
            try:
                self._on_message(channel, message)
            except (KeyError, TypeError, ValueError, OverflowError) as problem:
                self._drop(channel, FrameError(f"a message makes no sense: {problem!r}"))
                return
        if messages is None:
            self._drop(channel, None)

    def _select_for(self, channel: Channel) -> None:
        # A peer that takes no answers is not heard further.
        events = 0 if channel.is_full else selectors.EVENT_READ
        if channel.wants_to_write:
            events |= selectors.EVENT_WRITE
        self._selector.modify(channel.sock, events, channel)

    def _drop(self, channel: Channel, problem: Exception | None) -> None:
        if channel not in self._channels:
            return
        if problem is not None:
            log.warning("connection dropped", why=str(problem))
        self._channels.discard(channel)
        self._selector.unregister(channel.sock)
        channel.close()
        self._on_closed(channel)
