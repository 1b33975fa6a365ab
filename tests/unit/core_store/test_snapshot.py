import pytest

from aether.core.store.commands import Put
from aether.core.store.requests import Answer, Requests
from aether.core.store.snapshot import decode_snapshot, encode_snapshot
from aether.core.store.state import KvState


def sample() -> bytes:
    state = KvState()
    state.changed((Put("a", b"1"), Put("b", b"2")))
    return encode_snapshot(
        state, Requests([("r", Answer(applied=False, revision=1, deleted=0, failed=(0,)))])
    )


def test_a_snapshot_brings_state_and_requests_back() -> None:
    state, requests = decode_snapshot(sample())
    assert [entry.key for entry in state.under("")] == ["a", "b"]
    assert state.revision == 1
    assert list(requests) == [("r", Answer(applied=False, revision=1, deleted=0, failed=(0,)))]
    assert encode_snapshot(state, requests) == sample()


def test_every_damaged_byte_is_noticed() -> None:
    whole = sample()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x40
        with pytest.raises(ValueError, match="snapshot"):
            decode_snapshot(bytes(damaged))
    for size in range(len(whole)):
        with pytest.raises(ValueError, match="snapshot"):
            decode_snapshot(whole[:size])
