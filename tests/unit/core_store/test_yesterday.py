"""What schema 1 wrote is read for ever: the files in `golden/` were made by its code."""

import json
from pathlib import Path

import pytest

from aether.core.store.codec import decode_command, decode_result
from aether.core.store.commands import Applied, Refused
from aether.core.store.machine import KvMachine
from aether.core.store.yesterday import decode_snapshot_1

GOLDEN = Path(__file__).parent / "golden"
SNAPSHOT = bytes.fromhex((GOLDEN / "schema1_snapshot.hex").read_text())


def log() -> list[tuple[bytes, bytes]]:
    lines = json.loads((GOLDEN / "schema1_log.json").read_text())
    return [(bytes.fromhex(line["command"]), bytes.fromhex(line["result"])) for line in lines]


def entries_of(machine: KvMachine) -> list[list[object]]:
    return [
        [e.key, e.value.hex(), e.create_revision, e.mod_revision, e.version]
        for e in machine.range("").entries
    ]


def test_a_log_of_schema_1_gives_the_state_it_gave() -> None:
    machine = KvMachine()
    for command, was in log():
        told, now = decode_result(was), decode_result(machine.apply(command, 0))
        assert type(now) is type(told)
        assert now.revision == told.revision
        if isinstance(told, Refused) and isinstance(now, Refused):
            assert now.failed == told.failed
        if isinstance(told, Applied) and isinstance(now, Applied):
            assert now.deleted == told.deleted
    expected = json.loads((GOLDEN / "schema1_state.json").read_text())
    assert entries_of(machine) == expected["entries"]
    assert machine.revision == expected["revision"]


def test_a_snapshot_of_schema_1_is_restored_whole_or_in_pieces() -> None:
    expected = json.loads((GOLDEN / "schema1_state.json").read_text())
    for pieces in ([SNAPSHOT], [SNAPSHOT[:40], SNAPSHOT[40:41], SNAPSHOT[41:]]):
        machine = KvMachine()
        machine.restore(pieces)
        assert entries_of(machine) == expected["entries"]
        assert machine.revision == expected["revision"]
        retried, was = log()[2]
        assert decode_result(machine.apply(retried, 0)) == decode_result(was)


def test_every_damaged_byte_of_it_is_noticed() -> None:
    for place in range(len(SNAPSHOT)):
        damaged = bytearray(SNAPSHOT)
        damaged[place] ^= 0x40
        with pytest.raises(ValueError, match="snapshot"):
            decode_snapshot_1(bytes(damaged))
    for size in range(len(SNAPSHOT)):
        with pytest.raises(ValueError, match="snapshot"):
            decode_snapshot_1(SNAPSHOT[:size])


def test_its_commands_are_still_read() -> None:
    readable = 0
    for command, _ in log():
        try:
            decode_command(command)
        except ValueError:
            continue
        readable += 1
    assert readable == 8
