import pytest

from aether.core.model.reason import Reason
from aether.core.store.codec import (
    Noop,
    decode_command,
    decode_result,
    encode_command,
    encode_result,
)
from aether.core.store.commands import (
    Applied,
    Delete,
    DeletePrefix,
    Guard,
    Outcome,
    Put,
    Refused,
    Txn,
)

REASON = Reason("leader:node-1", "place", "below target", {"have": "2", "want": "3"})
TXN = Txn(
    (Put("a", b"\x00\xff"), Delete("b"), DeletePrefix("c/")),
    REASON,
    (Guard("a", 7),),
    (Put("d", b""),),
    "request",
)
# Bytes of schema 1: what members of this schema have in their logs must be read for ever.
YESTERDAY = bytes.fromhex(
    "019601939301a161c40200ff9202a1629203a2632f94ad6c65616465723a6e6f64652d31a5706c616365"
    "ac62656c6f772074617267657482a468617665a132a477616e74a1339192a16107919301a164c400a772657175657374"
)


def test_commands_keep_their_bytes() -> None:
    assert encode_command(TXN) == YESTERDAY
    assert decode_command(YESTERDAY) == TXN
    assert encode_command(Noop()) == bytes.fromhex("019102")
    assert decode_command(bytes.fromhex("019102")) == Noop()


@pytest.mark.parametrize(
    "outcome",
    [Applied(7), Applied(7, 3), Refused(1), Refused(9, (Guard("k", 0), Guard("l", 4)), "why")],
)
def test_results_round_trip(outcome: Outcome) -> None:
    assert decode_result(encode_result(outcome)) == outcome


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02\x91\x02",
        b"\x01",
        b"\x01\x91\x09",
        b"\x01\x92\x02\x00",
        YESTERDAY[:-1],
        YESTERDAY + b"\x00",
    ],
)
def test_what_is_not_a_command_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_command(data)


def test_a_command_that_has_no_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_command(Txn((Put("\ud800", b""),), REASON))
    with pytest.raises(ValueError, match=r".+"):
        encode_command(Txn((), REASON, guards=(Guard("k", 2**70),)))
