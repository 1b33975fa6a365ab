"""What schema 2 wrote is read for ever: the files in `golden/` were made by its code."""

import json
from pathlib import Path
from typing import Any

import pytest

from aether.core.model.reason import Reason
from aether.core.store.codec import decode_command, decode_result, encode_command
from aether.core.store.commands import Txn
from aether.core.store.machine import KvMachine

GOLDEN = Path(__file__).parent / "golden"
STATE = json.loads((GOLDEN / "schema2_state.json").read_text())
SNAPSHOT = [
    bytes.fromhex(part) for part in json.loads((GOLDEN / "schema2_snapshot.json").read_text())
]


def log() -> list[tuple[bytes, int, bytes]]:
    lines = json.loads((GOLDEN / "schema2_log.json").read_text())
    return [(bytes.fromhex(x["command"]), x["time_ms"], bytes.fromhex(x["result"])) for x in lines]


def state_of(machine: KvMachine) -> dict[str, Any]:
    return {
        "revision": machine.revision,
        "time_ms": machine.time_ms,
        "digest": machine.digest().hex(),
        "state_hash": machine.state_hash(),
        "entries": [
            [e.key, e.value.hex(), e.create_revision, e.mod_revision, e.version, e.lease]
            for e in machine.range("").entries
        ],
    }


def test_a_log_of_schema_2_gives_the_state_digest_and_answers_it_gave() -> None:
    machine = KvMachine()
    for command, time_ms, was in log():
        told, now = decode_result(was), decode_result(machine.apply(command, time_ms))
        assert (type(now), now.revision) == (type(told), told.revision)
        assert getattr(now, "code", "") == getattr(told, "code", "")
        if getattr(told, "code", "") != "malformed":
            assert now == told
    assert state_of(machine) == STATE


def test_a_snapshot_of_schema_2_is_restored_and_written_as_it_was() -> None:
    machine = KvMachine()
    machine.restore(SNAPSHOT)
    assert state_of(machine) == STATE
    assert list(machine.snapshot()) == SNAPSHOT


def test_its_reasons_have_no_alternatives_and_no_time() -> None:
    command = decode_command(log()[0][0])
    assert isinstance(command, Txn)
    assert command.reason == Reason(
        "leader:node-1", "place", "below target", {"have": "2", "want": "3"}, {}, 0
    )
    again = decode_command(encode_command(command))
    assert again == command


@pytest.mark.parametrize("place", [12, 13, 14])
def test_what_schema_2_refused_is_refused(place: int) -> None:
    with pytest.raises(ValueError, match=r"canonical|length"):
        decode_command(log()[place][0])


def test_a_reason_of_today_is_no_reason_of_schema_2() -> None:
    today = encode_command(Txn((), Reason("a", "b", "c", {}, {"x": "y"}, 1)))
    assert decode_command(today) == Txn((), Reason("a", "b", "c", {}, {"x": "y"}, 1))
    with pytest.raises(ValueError, match="length"):
        decode_command(b"\x02" + today[1:])
    with pytest.raises(ValueError, match="length"):
        decode_command(b"\x01" + today[1:])
