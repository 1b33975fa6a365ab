"""What a data directory remembers of its store, apart from the store's own files.

Log and vote may be lost while the rest of the directory stays: a disk that died, a folder that was
emptied or brought back from elsewhere. A member that began anew with its old place among the voters
could give a vote twice and would deny what it acknowledged. So founders vote from an empty disk at
the founding alone; whoever lost its memory is taken out and joins again as a learner.
"""

from enum import StrEnum
from pathlib import Path

from aether.errors import ConfigInvalid
from aether.store.disk.directory import Directory
from aether.store.disk.errors import DirectoryInUse, IdentityDamaged, VoteDamaged
from aether.store.disk.identity import read_identity
from aether.store.disk.vote_file import read_vote
from aether.whole_files import write_whole

ORIGIN_FILE = "store-origin"
STORE = "store"


class Origin(StrEnum):
    """How the store of a data directory began."""

    FOUNDED = "founded"
    """With its cluster: it voted from the first entry on."""
    JOINED = "joined"
    """As a learner."""
    LOST = "lost"
    """What it held is gone: it has to join again before it takes part."""


def read_origin(data_dir: Path) -> Origin | None:
    """Return how the store began, None when none ever ran here. Raises ConfigInvalid."""
    path = data_dir / ORIGIN_FILE
    try:
        return Origin(path.read_text().strip())
    except FileNotFoundError:
        return None
    except ValueError as problem:
        raise ConfigInvalid(
            [f"{path} is damaged ({problem}); write {Origin.LOST!r} into it to join anew"]
        ) from problem


def write_origin(data_dir: Path, origin: Origin) -> None:
    """Keep how the store began; on disk when this returns."""
    if read_origin(data_dir) is not origin:
        write_whole(data_dir / ORIGIN_FILE, f"{origin}\n".encode())


def loss_of(data_dir: Path) -> str:
    """Return why a member must join again before it takes part; empty when it need not.

    It must when what it voted is not known any more. Nothing is lost while its process lives.
    """
    origin = read_origin(data_dir)
    if origin is Origin.LOST:
        return "its store was lost, and it has not joined again since"
    if origin is None and not (data_dir / STORE).is_dir():
        return ""
    try:
        with Directory(data_dir / STORE) as disk:
            return _loss(disk, began=origin is not None)
    except DirectoryInUse:
        return ""


def _loss(disk: Directory, *, began: bool) -> str:
    try:
        if read_identity(disk) is None:
            return f"{disk.path} holds no store any more" if began else ""
        has_log = any(name.startswith(("log-", "snap-")) for name in disk.names())
        if read_vote(disk) is None and (began or has_log):
            return f"the vote in {disk.path} is missing"
    except (IdentityDamaged, VoteDamaged) as damage:
        return f"{disk.path}: {damage}"
    return ""


def check_beginning(data_dir: Path, *, founds: bool) -> None:
    """Raise ConfigInvalid when a store must not begin: its votes are lost and it has not joined again.

    `founds` says that it is told to be a founding voter.
    """
    origin = read_origin(data_dir)
    if origin is Origin.LOST and not founds:
        return
    why = loss_of(data_dir)
    if why:
        raise ConfigInvalid(
            [
                f"{why}: what this member voted is not known, so it must not vote; start its node "
                "anew, which takes it out and joins it again"
            ]
        )
