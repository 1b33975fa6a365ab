"""The body of a request under way: framed for the next hop, and kept as long as it may be needed."""

from aether.dataplane.framing import chunk, last_chunk


class RequestBody:
    """What came of one body so far; up to `replay_bytes` of it can be sent to another instance."""

    __slots__ = ("_is_chunked", "_replay_bytes", "has_ended", "is_kept", "kept", "size")

    def __init__(self, *, is_chunked: bool, replay_bytes: int, has_ended: bool = False) -> None:
        self._is_chunked = is_chunked
        self._replay_bytes = replay_bytes
        self.has_ended = has_ended
        self.is_kept = True
        """Whether `kept` is all that came."""
        self.kept = bytearray()
        """The bytes for the wire."""
        self.size = 0
        """Bytes that came, without framing."""

    def take(self, payload: bytes, *, done: bool, trailers: bytes) -> bytes:
        """Keep more of the body and return it as it goes over the wire."""
        self.size += len(payload)
        self.has_ended = done
        wire = payload
        if self._is_chunked:
            wire = chunk(payload) + (last_chunk(trailers) if done else b"")
        if self.is_kept:
            self.kept += wire
        return wire

    @property
    def is_full(self) -> bool:
        """Whether it is longer than what is kept for another instance."""
        return len(self.kept) > self._replay_bytes

    def sent(self) -> None:
        """Note that all of it was written to an instance: keep nothing that is too long."""
        if self.is_full:
            self.forget()

    def forget(self) -> None:
        """Keep nothing any more: the request is over, and its connection may stay idle for long."""
        self.kept = bytearray()
        self.is_kept = False


NO_BODY = RequestBody(is_chunked=False, replay_bytes=0, has_ended=True)
"""Of every request without one; nothing is ever added to it."""
