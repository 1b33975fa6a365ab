"""Records are the same bytes everywhere and read back what was written."""

import subprocess
import sys

import pytest

from aether.core.model.ids import Artifact
from aether.core.model.records import (
    BlueprintRecord,
    PhaseRecord,
    WantedRecord,
    decode,
    encode,
    from_plain,
    to_plain,
)
from tests.worlds import APP, SHOP, fact, node_record, spec, wish


@pytest.mark.parametrize("record", [wish(), fact(), node_record("n1")])
def test_a_record_round_trips(record: object) -> None:
    assert decode(encode(record), type(record)) == record
    assert from_plain(to_plain(record), type(record)) == record


def test_ids_are_checked_when_read() -> None:
    record = BlueprintRecord(
        id=Artifact(f"{APP}:1.0.0"), generation=1, slices=(spec(f"{SHOP}:1.0.0"),)
    )
    read = decode(encode(record), BlueprintRecord)
    assert isinstance(read.slices[0].artifact, Artifact)
    with pytest.raises(ValueError, match="BlueprintRecord"):
        decode(encode(record).replace(b"org.example:shop:1.0.0", b"shop"), BlueprintRecord)


def test_bytes_of_yesterday_lack_new_fields_and_are_read() -> None:
    old = b'{"desired":"LOAD","generation":1,"target_generation":1}'
    assert decode(old, WantedRecord).attempt == 0


def test_other_bytes_are_refused_by_name() -> None:
    for wrong in (b"", b"{}", b"\x80\x04.", b'{"state":"DANCING"}'):
        with pytest.raises(ValueError, match="PhaseRecord"):
            decode(wrong, PhaseRecord)
    deep = b'{"config":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(ValueError, match="WantedRecord"):
        decode(deep, WantedRecord)


READY = """
from dataclasses import is_dataclass
from aether.core.model import records
kinds = [kind for kind in vars(records).values() if isinstance(kind, type)]
read = [kind for kind in kinds if is_dataclass(kind) or hasattr(kind, "__struct_fields__")]
unlearned = [kind for kind in read if is_dataclass(kind) and "__msgspec_cache__" not in vars(kind)]
print(len(read) > 20, len(unlearned), records._decoder.cache_info().currsize == len(read))
"""


def test_every_record_can_be_read_by_any_thread_once_the_module_is_loaded() -> None:
    said = subprocess.run(
        [sys.executable, "-c", READY], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.split() == ["True", "0", "True"]
