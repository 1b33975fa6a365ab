"""A backup is of one moment, whatever happens while it is written."""

from pathlib import Path

from aether.core.model.ids import NodeId
from aether.core.store.codec import encode_command
from aether.core.store.commands import Put, Txn
from aether.store.backup.reader import load_backup
from aether.store.backup.writer import backup_pieces
from tests.backup_world import BY_TEST, machine


def test_writes_that_come_while_it_is_taken_are_not_in_it(tmp_path: Path) -> None:
    one = machine(3_000)
    revision, state = one.revision, one.state_hash()
    pieces = []
    for number, piece in enumerate(backup_pieces(one, "old", NodeId("node-1"), 5)):
        pieces.append(piece)
        write = Txn((Put("app/a:b/0002", b"later"), Put(f"z/{number}", b"")), BY_TEST)
        one.apply(encode_command(write), 10_000)
    assert len(pieces) > 3
    path = tmp_path / "b"
    path.write_bytes(b"".join(pieces))
    backup = load_backup(path)
    assert (backup.head.revision, backup.end.state_hash) == (revision, state)
    assert backup.machine.state_hash() == state != one.state_hash()
    assert (backup.head.cluster_id, backup.head.node, backup.head.taken_ms) == ("old", "node-1", 5)


def test_an_empty_store_can_be_backed_up(tmp_path: Path) -> None:
    path = tmp_path / "b"
    empty = machine(0)
    path.write_bytes(b"".join(backup_pieces(empty, "old", NodeId("n"), 0)))
    assert load_backup(path).machine.state_hash() == empty.state_hash()
