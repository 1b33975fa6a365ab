"""`aether cluster restore` and `recover`: work on the data directory of a node that is stopped."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from aether.cli.failures import CliError, InvalidInput
from aether.cli.framework import Command, Invocation
from aether.cli.names import NODE
from aether.cli.tables import render_pairs
from aether.config.node import is_address
from aether.core.agent.formation_state import Formed, KnownNode
from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members, Peer
from aether.rpc import identity
from aether.store.backup.reader import load_backup
from aether.store.offline.founding import Founded
from aether.store.offline.quorum_loss import ASIDE, Survivor, examine
from aether.store.offline.quorum_loss import recover as recover_store
from aether.store.offline.restore import restore as restore_store

_DATA_DIR = click.option(
    "--data-dir",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Data directory of the node, which must not run.",
)


class AddressType(click.ParamType[str]):
    """`host:port`."""

    name = "host:port"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address as it is."""
        if not is_address(value):
            self.fail(f"{value!r} is not host:port", param, ctx)
        return value


@click.command("restore", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_DATA_DIR
@click.option("--node-id", required=True, type=NODE, help="Name of the node that will begin.")
@click.option(
    "--raft-address",
    required=True,
    type=AddressType(),
    help="host:port the node will have as its --bind and --raft-port.",
)
@click.pass_obj
def restore(this: Invocation, file: Path, data_dir: Path, node_id: str, raft_address: str) -> None:
    """Make FILE the store of a node that begins a new cluster, in an empty directory.

    FILE is verified first. The cluster gets a new id: nodes of the old one are refused, and join
    with an empty data directory like any other node.
    """
    backup = load_backup(file)
    node = NodeId(node_id)
    with _told():
        founded = restore_store(backup, data_dir, node, raft_address)
        _save(data_dir, founded)
    told = {
        "cluster": founded.cluster_id,
        "before": backup.head.cluster_id,
        "node": founded.node,
        "raft_address": founded.address,
        "revision": founded.revision,
        "state_hash": founded.state_hash,
    }
    this.output.show(
        told, render_pairs([(name.replace("_", " "), value) for name, value in told.items()])
    )
    host, _, port = raft_address.rpartition(":")
    this.output.say(
        f"start it: aether-node --node-id {node} --data-dir {data_dir} --bind {host} "
        f"--raft-port {port}"
    )
    this.output.say(
        "then start the others with empty data directories and --join, and push the wheels again"
    )


@click.command("recover", cls=Command)
@_DATA_DIR
@click.option("--look", is_flag=True, help="Only tell what this member holds.")
@click.option("--confirm", metavar="CLUSTER_ID", help="The cluster id, instead of typing it.")
@click.pass_obj
def recover(this: Invocation, data_dir: Path, look: bool, confirm: str | None) -> None:  # noqa: FBT001 - click's way
    """Make a new cluster of what one member holds, when a quorum is lost FOR EVER.

    What others acknowledged and this member never received is lost. Use it only when more than half of
    the voters can never be started again.
    """
    believed = _believed(data_dir)
    with _told():
        survivor = examine(data_dir, believed)
    if look:
        this.output.show(_plain(survivor), _holds(survivor))
        return
    for line in [*_holds(survivor), "", *_warning(survivor)]:
        click.echo(line, err=True)
    answer = confirm if confirm is not None else _typed()
    with _told():
        _, founded = recover_store(data_dir, answer, believed)
        _save(data_dir, founded)
        identity.forget_founding(data_dir)
    told = {**_plain(survivor), "new_cluster": founded.cluster_id, "state_hash": founded.state_hash}
    this.output.show(
        told,
        [
            f"{founded.node} is the only voter of the new cluster {founded.cluster_id}",
            f"its old files are kept in {data_dir / ASIDE}",
            "start it; start every other node with an empty data directory and --join",
        ],
    )


def _typed() -> str:
    if not sys.stdin.isatty():
        raise InvalidInput("nobody can be asked here: say --confirm CLUSTER_ID")
    return str(click.prompt("type the cluster id to go on", err=True)).strip()


def _believed(data_dir: Path) -> Members:
    known = identity.load_identity(data_dir)
    return Members(
        tuple(Peer(m.node, m.raft_addr) for m in known.members) if known is not None else ()
    )


def _save(data_dir: Path, founded: Founded) -> None:
    """Have the node know its new cluster: written last, so that no node starts from half of it."""
    me = KnownNode(founded.node, "", founded.address)
    identity.save_formed(data_dir, founded.node, Formed(founded.cluster_id, (me,)))


def _plain(survivor: Survivor) -> dict[str, Any]:
    return {
        "cluster": survivor.cluster_id,
        "node": survivor.node,
        "address": survivor.address,
        "votes": survivor.votes,
        "last_term": survivor.last_term,
        "last_index": survivor.last_index,
        "snapshot_index": survivor.snapshot_index,
        "revision": survivor.revision,
        "given_up": [peer.node for peer in survivor.given_up],
    }


def _holds(survivor: Survivor) -> list[str]:
    given_up = ", ".join(f"{peer.node} at {peer.address}" for peer in survivor.given_up)
    role = "voter" if survivor.votes else "LEARNER: it may lack a great deal"
    return render_pairs(
        [
            ("cluster", survivor.cluster_id),
            ("member", f"{survivor.node} at {survivor.address}, {role}"),
            ("last term, last index", f"{survivor.last_term}, {survivor.last_index}"),
            ("surely acknowledged", f"entries up to {survivor.snapshot_index} (its snapshot)"),
            ("revision", survivor.revision),
            ("other members", given_up or "none"),
        ]
    )


def _warning(survivor: Survivor) -> list[str]:
    names = ", ".join(peer.node for peer in survivor.given_up) or "nobody"
    return [
        "*** THIS GIVES UP A CLUSTER AND MAKES A NEW ONE OF WHAT THIS MEMBER HOLDS ***",
        f"given up for ever: {names}. They can never rejoin with the data they hold.",
        f"LOST: every write a quorum acknowledged after entry {survivor.last_index} of this member.",
        f"KEPT: entries {survivor.snapshot_index + 1} to {survivor.last_index}, of which some may "
        "never have been acknowledged.",
        "Run `aether cluster recover --look` on every member that can still be read, and recover from "
        "the one with the highest last term, then the highest last index.",
    ]


@contextmanager
def _told() -> Iterator[None]:
    """Tell of a disk that fails as of any other failure."""
    try:
        yield
    except OSError as problem:
        raise CliError(f"the disk: {problem}", remedy="mend it and begin anew") from problem
