"""What can go wrong with a member's directory.

NoSpace and DiskFailed tell of the disk; the others tell of what was found on it.
"""

import errno

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskFailed(OSError):
    """A read, write or sync failed: nothing is known of what was written since the last sync."""


class NoSpace(OSError):
    """The disk is full; nothing was changed."""


class Damaged(Exception):
    """Bytes on disk are not what was written there."""

    def __init__(self, file: str, offset: int, what: str) -> None:
        super().__init__(f"{file} is damaged at byte {offset}: {what}")
        self.file = file
        self.offset = offset
        self.what = what


class LogDamaged(Damaged):
    """Entries that were synced are missing or cannot be trusted."""


class VoteDamaged(Damaged):
    """The vote file does not verify: what this member promised is not known."""


class SnapshotDamaged(Damaged):
    """A snapshot does not verify."""


class IdentityDamaged(Damaged):
    """The file that says whose directory this is does not verify."""


class WrongMember(Exception):
    """The directory belongs to another member or another cluster."""


class DirectoryInUse(Exception):
    """Another process has the directory."""


def disk_error(error: OSError, doing: str) -> DiskFailed | NoSpace:
    """Return the error to raise instead of `error`, which came while `doing`."""
    if isinstance(error, DiskFailed | NoSpace):
        return error
    if error.errno in _FULL:
        return NoSpace(error.errno, f"no space left on the disk while {doing}")
    return DiskFailed(error.errno, f"the disk failed while {doing}: {error}")
