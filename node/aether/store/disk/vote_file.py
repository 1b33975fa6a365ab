"""The file that remembers this member's term and vote: losing it can elect two leaders."""

from typing import Self

import msgspec

from aether.core.raft.entries import HardState
from aether.ports import Disk
from aether.store.disk.errors import DiskFailed, NoSpace, VoteDamaged
from aether.store.disk.sealed_files import read_sealed, rewrite_sealed, write_sealed

VOTE_NAME = "vote"
_MAGIC = b"AEVOTE\x00\x01"
_decoder = msgspec.msgpack.Decoder(HardState)


class VoteFile:
    """Written anew and renamed for each change: what is there is whole, or it is damaged."""

    def __init__(self, disk: Disk, state: HardState) -> None:
        self._disk = disk
        self._state = state
        self._failed = False

    @classmethod
    def open(cls, disk: Disk, *, fresh: bool = True) -> Self:
        """Read the vote; none is written yet when the member is `fresh`.

        Raises VoteDamaged, NoSpace, DiskFailed. What was read is written again: a sync that failed in
        an earlier life may have left a file that reads well and is not on disk.
        """
        try:
            body = read_sealed(disk, VOTE_NAME, _MAGIC)
            state = _decoder.decode(body) if body is not None else HardState(0, "")
        except (ValueError, msgspec.MsgspecError) as problem:
            raise VoteDamaged(VOTE_NAME, 0, str(problem)) from problem
        if body is None and not fresh:
            raise VoteDamaged(VOTE_NAME, 0, "it is missing")
        file = cls(disk, state)
        if body is None:
            file.save(state)
        else:
            rewrite_sealed(disk, VOTE_NAME)
        return file

    @property
    def state(self) -> HardState:
        """The last state that was saved."""
        return self._state

    def save(self, state: HardState) -> None:
        """Return when `state` is durable. Raises NoSpace, which changes nothing, or DiskFailed."""
        if self._failed:
            raise DiskFailed("the vote file failed before; it must be opened anew")
        try:
            write_sealed(self._disk, VOTE_NAME, _MAGIC, msgspec.msgpack.encode(state))
        except NoSpace:
            raise
        except DiskFailed:
            self._failed = True
            raise
        self._state = state
