import pytest

from aether.core.store.chain import Chain
from aether.core.store.commands import Put
from aether.core.store.leases import Leases
from aether.core.store.requests import Answer, Requests
from aether.core.store.snapshot import PART_BYTES, Replicated, Restoration, snapshot_parts
from aether.core.store.state import KvState


def sample(keys: int = 3) -> Replicated:
    leases = Leases()
    lease = leases.grant(1000, 5)
    state = KvState(leases=leases)
    for number in range(keys):
        state.changed((Put(f"k/{number:06}", b"v" * 200, lease if number == 0 else 0),))  # type: ignore[arg-type] # 0 is no lease
    requests = Requests()
    requests.remember("r", Answer(applied=False, revision=1, failed=(0,)), 7)
    requests.remember("s", 3, 7)
    return Replicated(state, requests, 9, Chain(b"digest", b"effects"))


def restored(parts: list[bytes]) -> Replicated:
    found: list[Replicated] = []
    restoration = Restoration(found.append)
    for part in parts:
        restoration.feed(part)
    restoration.finish()
    (whole,) = found
    return whole


def test_a_snapshot_brings_everything_back() -> None:
    parts = list(snapshot_parts(sample()))
    whole = restored(parts)
    assert list(snapshot_parts(whole)) == parts
    assert list(whole.requests) == list(sample().requests)
    assert (whole.time_ms, whole.chain.digest()) == (9, sample().chain.digest())
    (record,) = whole.state.leases
    lease = whole.state.leases.get(record.lease)
    assert lease is not None
    assert lease.keys == {"k/000000"}
    assert whole.state.bytes == sample().state.bytes


def test_later_changes_are_not_seen() -> None:
    replicated = sample()
    expected = list(snapshot_parts(sample()))
    parts = snapshot_parts(replicated)
    replicated.state.changed((Put("k/000001", b"changed"), Put("later", b"")))
    replicated.requests.remember("later", 9, 9)
    replicated.state.leases.grant(1000, 0)
    assert list(parts) == expected


def test_parts_are_small_and_none_may_be_missing() -> None:
    parts = list(snapshot_parts(sample(2000)))
    assert max(map(len, parts)) < PART_BYTES + 1024
    assert len(parts) > 6
    for place in range(1, len(parts)):
        with pytest.raises(ValueError, match="missing"):
            restored(parts[:place] + parts[place + 1 :])
    with pytest.raises(ValueError, match="snapshot"):
        restored(parts[1:])
    with pytest.raises(ValueError, match="empty"):
        restored([])
    with pytest.raises(ValueError, match="out of order"):
        restored([parts[0], parts[1], parts[3], parts[2], *parts[4:]])


@pytest.mark.parametrize("part", [b"", b"X\x90", b"E", b"E\xc1", b"E\x91\x00", b"R\x91\x91\x00"])
def test_what_is_no_part_is_refused(part: bytes) -> None:
    restoration = Restoration(lambda _: None)
    restoration.feed(next(snapshot_parts(sample())))
    with pytest.raises(ValueError, match=r"snapshot"):
        restoration.feed(part)


@pytest.mark.parametrize("head", [b"", b"AEKV", b"AEKV\x03\x90", b"AEKV\x02\xc1", b"NOPE\x02"])
def test_newer_and_foreign_snapshots_are_refused_by_name(head: bytes) -> None:
    with pytest.raises(ValueError, match=r"schema 1 to 2|header"):
        Restoration(lambda _: None).feed(head)
