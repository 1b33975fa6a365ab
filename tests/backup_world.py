"""States to back up, and files made of them."""

from pathlib import Path

from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store.codec import encode_command
from aether.core.store.commands import Delete, LeaseGrant, LeaseId, Put, Txn
from aether.core.store.machine import KvMachine
from aether.store.backup.writer import backup_pieces

BY_TEST = Reason("test", "test", "a test wants it so")


def machine(keys: int = 40) -> KvMachine:
    """Some of everything a state can hold: keys, a lease with a key, answered requests."""
    made = KvMachine()
    commands = [
        Txn((Put(f"app/a:b/{n:04}", b"v" * 50),), BY_TEST, request_id=f"r{n}") for n in range(keys)
    ]
    made.apply(encode_command(LeaseGrant(60_000, "grant")), 1)
    made.apply(encode_command(Txn((Put("lock/one", b"", LeaseId(1)),), BY_TEST)), 2)
    for number, command in enumerate(commands):
        made.apply(encode_command(command), 3 + number)
    made.apply(encode_command(Txn((Delete("app/a:b/0001"),), BY_TEST)), 1_000)
    return made


def backup_file(path: Path, of: KvMachine, cluster_id: str = "old") -> Path:
    path.write_bytes(b"".join(backup_pieces(of, cluster_id, NodeId("node-1"), 1_700_000_000_000)))
    return path
