"""`aether cluster …`: the consensus group and its backups, through the management API."""

import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.cluster_offline import recover, restore
from aether.cli.failures import CliError, Refused
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.names import NODE
from aether.cli.tables import render_pairs, render_table, table_of
from aether.store.backup.reader import Backup, load_backup
from aether.whole_files import sync_directory

_COLUMNS: Mapping[str, str] = {
    "NODE": "node",
    "ROLE": "role",
    "ADDRESS": "address",
    "CONDITION": "condition",
    "MATCH": "match",
    "LAG": "lag",
    "SILENT FOR": "silent",
}


@click.group(cls=LazyGroup)
def group() -> None:
    """Look at and change who takes part in the store; back it up, restore and recover it."""


group.add_command(restore)
group.add_command(recover)


@group.command("members")
@click.pass_obj
def members(this: Invocation) -> None:
    """List the members, how far each is, and how many voters may fail."""
    told = this.client.get(path_to("cluster", "members"))
    rows = [{**member, "silent": _seconds(member.get("silent_s"))} for member in told["members"]]
    details = [
        f"{member['node']}: {member['detail']}" for member in told["members"] if member["detail"]
    ]
    this.output.show(
        told, [*render_table(table_of(rows, _COLUMNS)), "", _margin_line(told), *details]
    )


@group.command("promote")
@click.argument("node", type=NODE)
@click.pass_obj
def promote(this: Invocation, node: str) -> None:
    """Give a learner that has caught up a vote."""
    _, answer = this.client.request("POST", path_to("cluster", "members", node, "promote"))
    line = f"{node} votes now" if answer["changed"] else f"{node} votes already"
    this.output.show(answer, [line])


@group.command("remove")
@click.argument("node", type=NODE)
@click.option(
    "--force", metavar="REASON", help="Why to remove a voter although none is to spare then."
)
@click.pass_obj
def remove(this: Invocation, node: str, force: str | None) -> None:
    """Take a member out, say one whose disk is lost; tells first what it does to the quorum."""
    told = this.client.get(path_to("cluster", "members"))
    this.output.say(f"before: {_margin_line(told)}")
    _, answer = this.client.request("DELETE", path_to("cluster", "members", node, force=force))
    this.output.show(answer, [f"{node} removed", f"now: {_margin_line(answer['after'])}"])


@group.command("transfer")
@click.argument("node", type=NODE, required=False)
@click.pass_obj
def transfer(this: Invocation, node: str | None) -> None:
    """Have NODE lead, or whoever is most up to date."""
    body = b"{}" if node is None else f'{{"node": "{node}"}}'.encode()
    headers = {"content-type": "application/json"}
    _, answer = this.client.request("POST", path_to("cluster", "leader"), body, headers)
    this.output.show(answer, [f"{answer['leader']} leads now, {answer['before']} did before"])


@group.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--verify", is_flag=True, help="Take none: check FILE and tell what it holds.")
@click.pass_obj
def backup(this: Invocation, file: Path, verify: bool) -> None:  # noqa: FBT001 - click's way
    """Write everything the store holds, as of one revision, into FILE.

    FILE appears only when it is whole, verified and on disk. Wheels of slices are not part of it.
    """
    held = load_backup(file) if verify else _taken(this, file)
    this.output.show(_plain(held), render_pairs(_pairs(held)))


def _taken(this: Invocation, file: Path) -> Backup:
    """Take a backup beside its name, verify it, then give it the name."""
    if file.exists():
        raise _exists(file)
    try:
        descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.part-")
    except OSError as problem:
        raise CliError(f"{file.parent} cannot be written: {problem.strerror}") from problem
    fresh = Path(temporary)
    try:
        with os.fdopen(descriptor, "wb") as out:
            for piece in this.client.stream(path_to("backup")):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        held = load_backup(fresh)
        _name(fresh, file)
    except FileExistsError as problem:
        raise _exists(file) from problem
    except OSError as problem:
        raise CliError(f"{file} cannot be written: {problem.strerror or problem}") from problem
    finally:
        fresh.unlink(missing_ok=True)
    return held


def _name(fresh: Path, file: Path) -> None:
    """Give a whole file its name; raises FileExistsError when one came to be there meanwhile."""
    try:
        os.link(fresh, file)
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system
        fresh.rename(file)
    sync_directory(file.parent)


def _exists(file: Path) -> Refused:
    return Refused(f"{file} exists; a backup never replaces a file: choose another name")


def _plain(held: Backup) -> dict[str, Any]:
    head, end = held.head, held.end
    return {
        "cluster": head.cluster_id,
        "taken_on": head.node,
        "taken_at": datetime.fromtimestamp(head.taken_ms / 1000, UTC).isoformat("T", "seconds"),
        "revision": head.revision,
        "keys": sum(held.families().values()),
        "families": dict(held.families()),
        "size": held.size,
        "state_hash": end.state_hash,
        "version": head.version,
    }


def _pairs(held: Backup) -> list[tuple[str, object]]:
    plain = _plain(held)
    families = ", ".join(f"{count} {name}" for name, count in plain.pop("families").items())
    shown = [(name.replace("_", " "), value) for name, value in plain.items()]
    return [*shown, ("holds", families or "nothing"), ("sound", "yes, every checksum")]


def _margin_line(counted: Mapping[str, Any]) -> str:
    spare = int(counted["may_fail"])
    line = (
        f"{counted['answering']} of {counted['voters']} voters answer, a quorum is "
        f"{counted['quorum']}: "
    )
    if spare < 0:
        return f"{line}NOTHING CAN BE WRITTEN"
    return f"{line}{spare} more may fail" if spare else f"{line}NONE MAY FAIL"


def _seconds(silent_s: float | None) -> str:
    return "" if silent_s is None else f"{silent_s:.1f} s"
