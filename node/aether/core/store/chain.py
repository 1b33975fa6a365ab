"""A digest of everything a log did: equal on members whose logs did the same.

Effects are gathered and digested together, which costs a third of digesting each. Where one
gathering ends follows from the effects alone, never from when somebody asked.
"""

import hashlib

import msgspec

GATHERED_BYTES = 16 * 1024
_DIGEST_BYTES = 16

_encoder = msgspec.msgpack.Encoder()


class Chain:
    """The digest of all effects so far, the last few of which wait to be digested."""

    def __init__(self, digest_before: bytes = b"", waiting: bytes = b"") -> None:
        self.digest_before = digest_before
        """Digest of everything before what is waiting."""
        self.waiting = bytearray(waiting)

    def add(self, effect: object) -> None:
        """Chain an effect: any value msgpack can hold without order of its own."""
        _encoder.encode_into(effect, self.waiting, -1)
        if len(self.waiting) >= GATHERED_BYTES:
            self.digest_before = self.digest()
            self.waiting.clear()

    def digest(self) -> bytes:
        """Return the digest; it takes a few microseconds and changes nothing."""
        joined = hashlib.blake2b(self.digest_before, digest_size=_DIGEST_BYTES)
        joined.update(self.waiting)
        return joined.digest()
