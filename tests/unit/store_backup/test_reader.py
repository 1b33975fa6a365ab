"""Nothing but a whole, sound backup is read: every byte is damaged once, every length cut once."""

import hashlib
import random
from pathlib import Path

import msgspec
import pytest

from aether.core.model.ids import NodeId
from aether.errors import NotFound
from aether.store.backup.format import OPENING, BackupDamaged, End, Head, Kind, frame
from aether.store.backup.reader import load_backup
from aether.store.backup.writer import backup_pieces
from tests.backup_world import backup_file, machine


def test_it_tells_what_it_holds(tmp_path: Path) -> None:
    one = machine()
    backup = load_backup(backup_file(tmp_path / "b", one))
    assert backup.families() == {"app": 39, "lock": 1}
    assert backup.size == (tmp_path / "b").stat().st_size
    assert backup.machine.state_hash() == one.state_hash()
    assert backup.machine.digest() == one.digest()


def test_every_byte_counts(tmp_path: Path) -> None:
    path = backup_file(tmp_path / "b", machine(2))
    whole = path.read_bytes()
    dice = random.Random(1)
    for offset in range(len(whole)):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(BackupDamaged, match=rf"{path} is not a sound backup: at byte \d+"):
            load_backup(path)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    path = backup_file(tmp_path / "b", machine(2))
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(BackupDamaged, match=r"it is cut off|does not begin"):
            load_backup(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(BackupDamaged, match="something stands behind its end"):
        load_backup(path)


def test_parts_cannot_be_left_out_swapped_or_repeated(tmp_path: Path) -> None:
    pieces = list(backup_pieces(machine(3_000), "old", NodeId("n"), 0))
    assert len(pieces) >= 5
    for changed in (
        [*pieces[:2], *pieces[3:]],
        [*pieces[:2], pieces[3], pieces[2], *pieces[4:]],
        [*pieces[:3], pieces[2], *pieces[3:]],
        pieces[:-1],
    ):
        path = tmp_path / "b"
        path.write_bytes(b"".join(changed))
        with pytest.raises(BackupDamaged):
            load_backup(path)


def test_two_backups_cannot_be_mixed(tmp_path: Path) -> None:
    one = list(backup_pieces(machine(8), "old", NodeId("n"), 0))
    other = list(backup_pieces(machine(9), "old", NodeId("n"), 0))
    path = tmp_path / "b"
    path.write_bytes(b"".join([one[0], *other[1:]]))
    with pytest.raises(BackupDamaged, match="does not describe"):
        load_backup(path)


def test_a_later_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_bytes(OPENING[:8] + (7).to_bytes(4, "little") + b"whatever")
    with pytest.raises(BackupDamaged, match="it has format 7, this version reads 1"):
        load_backup(path)


def test_a_huge_length_asks_for_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_bytes(OPENING + b"H" + b"\xff" * 8)
    with pytest.raises(BackupDamaged, match="at most"):
        load_backup(path)


def test_a_state_that_is_not_the_heads_is_refused(tmp_path: Path) -> None:
    lying = Head(
        cluster_id="c", node="n", version="1", taken_ms=0, revision=999, time_ms=0, digest=b""
    )
    one = machine(8)
    parts = list(one.snapshot())
    begin = OPENING + frame(Kind.HEAD, 0, msgspec.msgpack.encode(lying))
    begin += b"".join(frame(Kind.PART, n, part) for n, part in enumerate(parts, 1))
    end = End(
        parts=len(parts),
        size=sum(map(len, parts)),
        state_hash=one.state_hash(),
        whole=hashlib.sha256(begin).digest(),
    )
    path = tmp_path / "b"
    path.write_bytes(begin + frame(Kind.END, len(parts) + 1, msgspec.msgpack.encode(end)))
    with pytest.raises(BackupDamaged, match="not the one its head tells of"):
        load_backup(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No such file"):
        load_backup(tmp_path / "none")
