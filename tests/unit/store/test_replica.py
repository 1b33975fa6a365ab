from pathlib import Path

from aether.core.store.limits import MAX_COMMAND_BYTES
from aether.core.store.machine import KvMachine
from aether.store.pysyncobj.commands import Regular, to_local
from aether.store.pysyncobj.disk import StoreDisk
from aether.store.pysyncobj.members import Voter
from aether.store.pysyncobj.replica import Timing, settings_of
from aether.store.pysyncobj.stamps import Stamps

STAMPS = Stamps(lambda: 0.0)


def test_the_librarys_own_checks_pass() -> None:
    settings_of(
        Timing(), StoreDisk(Path("/nonexistent")), KvMachine(), STAMPS, lambda: None
    ).validate()


def test_no_command_is_large_enough_to_be_sent_as_pieces_of_a_pickle() -> None:
    settings = settings_of(Timing(), StoreDisk(Path("/none")), KvMachine(), STAMPS, lambda: None)
    largest = to_local(Regular(b"\xff" * MAX_COMMAND_BYTES))
    assert len(largest) < settings.appendEntriesBatchSizeBytes


def test_dump_and_restore_carry_state_and_voters(tmp_path: Path) -> None:
    written: list[bool] = []
    disk, machine = StoreDisk(tmp_path), KvMachine()
    disk.journal.write_bytes(b"")
    settings = settings_of(Timing(), disk, machine, STAMPS, lambda: written.append(True))
    entries = [(to_local(Regular(b"%d" % index)), index, 1) for index in (7, 8)]
    voter = Voter("node-1@127.0.0.1:6101")
    before, last = entries
    settings.serializer(str(disk.dump), (last, before, {voter}))
    assert written == [True]
    assert settings.deserializer(str(disk.dump)) == (last, before, {voter})
