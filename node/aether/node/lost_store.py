"""A node whose store lost its memory: what is left is put aside, and the node joins its cluster anew."""

import shutil
from pathlib import Path

import structlog

from aether.config.node import NodeConfig
from aether.errors import ConfigInvalid
from aether.node.children import Child, Supervisor
from aether.node.stores import STOP_S
from aether.ports import Clock
from aether.store.origin import STORE, Origin, loss_of, write_origin

ASIDE = "store.lost"
"""Where the files of a lost store are kept, those of the last loss alone."""

_log = structlog.get_logger()


def loss(config: NodeConfig, data_dir: Path) -> str:
    """Return why this node must join anew, empty when it need not; nothing is touched."""
    return loss_of(data_dir) if config.store.engine == "native" else ""


async def put_lost_store_aside(data_dir: Path, why: str, clock: Clock) -> None:
    """Have the files that cannot be trusted out of the way, and remember that the node must join.

    To be called once it is known whom to join: who votes alone still needs them, for a recovery.
    Raises ConfigInvalid when they cannot be moved.
    """
    _log.error("the store of this node is lost; it joins its cluster anew", reason=why)
    # A process of an earlier life may still serve files that have no name any more.
    await Supervisor(Child("store", (), STOP_S), data_dir, clock).end_earlier()
    write_origin(data_dir, Origin.LOST)
    try:
        _move(data_dir / STORE, data_dir / ASIDE)
    except OSError as problem:
        raise ConfigInvalid(
            [f"{data_dir / STORE} cannot be put aside ({problem}); empty it to join anew"]
        ) from problem


def _move(store: Path, aside: Path) -> None:
    """Move the files, not the directory: it may be where a disk is mounted."""
    files = [each for each in store.iterdir() if each.is_file()] if store.is_dir() else []
    if not files:
        return
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    for file in files:
        shutil.move(file, aside / file.name)
