"""Cluster time for an engine whose log has none: each command carries its proposer's reckoning.

A stamp is the latest applied here plus what has passed since by this member's own clock, so that
time goes on at the proposer's rate and no wall clock is asked. The machine takes the later of a
stamp and its predecessor: with several proposers time never goes back.
"""

import struct
from collections.abc import Callable

_MARK = 0
"""First byte of a stamped command. Commands of old journals begin with their schema, from 1."""
_STAMP = struct.Struct(">BQ")


class Stamps:
    """What this member knows of cluster time; `now` is its clock, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since = now()
        self.latest_ms = 0
        """The latest stamp applied."""

    def applied(self, time_ms: int) -> None:
        """Note the stamp of a command that was applied."""
        if time_ms > self.latest_ms:
            self.latest_ms = time_ms
            self._since = self._now()

    @property
    def time_ms(self) -> int:
        """Cluster time now."""
        return self.latest_ms + int((self._now() - self._since) * 1000)


def stamped(command: bytes, time_ms: int) -> bytes:
    """Return `command` with the time at which it was proposed."""
    return _STAMP.pack(_MARK, time_ms) + command


def unstamped(data: bytes) -> tuple[int, bytes]:
    """Return time and command; a command without a stamp was made at time 0."""
    if len(data) < _STAMP.size or data[0] != _MARK:
        return 0, data
    return _STAMP.unpack_from(data)[1], data[_STAMP.size :]
