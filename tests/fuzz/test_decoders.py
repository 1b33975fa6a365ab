"""No bytes make a reader do anything but read or refuse; none makes it take memory or run code."""

import resource
import struct
from pathlib import Path

import pytest

from tests.fuzz.decoders import Decoder, decoders
from tests.fuzz.mutations import hostile, inputs

MOST_KIB = 16 * 1024
BY_NAME = pytest.mark.parametrize("decoder", decoders(), ids=lambda decoder: decoder.name)


def _refusal(decoder: Decoder, data: bytes) -> Exception | None:
    """Return how it was refused; None when it was read. Any other end is a fault."""
    try:
        decoder.read(data)
    except decoder.refusals as refusal:
        return refusal
    except Exception as fault:
        raise AssertionError(f"{data.hex()[:4000]} raised {fault!r}") from fault
    return None


@BY_NAME
def test_what_is_right_is_read(decoder: Decoder) -> None:
    refused = [str(refusal) for seed in decoder.seeds if (refusal := _refusal(decoder, seed))]
    # A denial is an answer that is read well: it says no.
    assert all("it refuses" in words for words in refused)


@BY_NAME
def test_what_is_wrong_is_refused_and_does_nothing_else(decoder: Decoder) -> None:
    refused = [_refusal(decoder, data) is not None for data in inputs(decoder.name, decoder.seeds)]
    assert len(refused) > 100
    assert any(refused) == bool(decoder.refusals)


@BY_NAME
def test_what_is_hostile_neither_runs_nor_takes_memory(decoder: Decoder, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    bad = hostile(marker)
    framed = [struct.pack(">I", len(data)) + data for data in bad]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data in [*bad, *framed]:
        _refusal(decoder, data)
    assert not marker.exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= MOST_KIB
