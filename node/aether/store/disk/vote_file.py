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


def read_vote(disk: Disk) -> HardState | None:
    """Return what is remembered, None when there is no file. Raises VoteDamaged, DiskFailed."""
    try:
        body = read_sealed(disk, VOTE_NAME, _MAGIC)
        return None if body is None else _decoder.decode(body)
    except (ValueError, msgspec.MsgspecError) as problem:
        raise VoteDamaged(VOTE_NAME, 0, str(problem)) from problem


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
        found = read_vote(disk)
        if found is None and not fresh:
            raise VoteDamaged(VOTE_NAME, 0, "it is missing")
        file = cls(disk, found or HardState(0, ""))
        if found is None:
            file.save(file.state)
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
