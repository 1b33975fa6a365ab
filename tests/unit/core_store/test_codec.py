import pytest
from msgspec.structs import replace

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
    Command,
    Delete,
    DeletePrefix,
    Guard,
    LeaseExpire,
    LeaseGrant,
    LeaseId,
    LeaseRenew,
    LeaseRevoke,
    Outcome,
    Put,
    Refused,
    Txn,
)

REASON = Reason(
    "leader:node-1",
    "place",
    "below target",
    {"have": "2", "want": "3"},
    {"node-2": "full"},
    1_700_000_000_000,
)
TXN = Txn(
    (Put("a", b"\x00\xff"), Delete("b"), DeletePrefix("c/")),
    REASON,
    (Guard("a", 7),),
    (Put("d", b""),),
    "request",
)
# What members have in their logs must be read for ever: bytes of schema 1, of 2, and of 3.
SCHEMA_1 = bytes.fromhex(
    "019601939301a161c40200ff9202a1629203a2632f94ad6c65616465723a6e6f64652d31a5706c616365"
    "ac62656c6f772074617267657482a468617665a132a477616e74a1339192a16107919301a164c400a772657175657374"
)
SCHEMA_2 = bytes.fromhex(
    "029601939401a161c40200ff009202a1629203a2632f94ad6c65616465723a6e6f64652d31a5706c616365"
    "ac62656c6f772074617267657482a468617665a132a477616e74a1339192a16107919401a164c40000a77265717565"
    "7374"
)
TODAY = bytes.fromhex(
    "039601939401a161c40200ff009202a1629203a2632f96ad6c65616465723a6e6f64652d31a5706c616365ac62656c"
    "6f772074617267657482a468617665a132a477616e74a13381a66e6f64652d32a466756c6ccf0000018bcfe5680091"
    "92a16107919401a164c40000a772657175657374"
)


def test_commands_keep_their_bytes() -> None:
    assert encode_command(TXN) == TODAY
    assert decode_command(TODAY) == TXN
    before = replace(TXN, reason=replace(REASON, rejected={}, at_ms=0))
    assert decode_command(SCHEMA_2) == before
    assert decode_command(SCHEMA_1) == before
    for data in ("019102", "029102", "039102"):
        assert decode_command(bytes.fromhex(data)) == Noop()


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (Noop(), "039102"),
        (LeaseGrant(5000, "r"), "039303cd1388a172"),
        (LeaseRenew(LeaseId(7)), "03920407"),
        (LeaseRevoke(LeaseId(7), Reason("a", "b", "c")), "0394050796a161a162a163808000a0"),
        (LeaseExpire((LeaseId(1), LeaseId(300))), "0392069201cd012c"),
    ],
)
def test_lease_commands_keep_their_bytes(command: Command, data: str) -> None:
    assert encode_command(command).hex() == data
    assert decode_command(bytes.fromhex(data)) == command


def test_other_bytes_of_the_same_command_are_refused() -> None:
    for schema in ("02", "03"):
        assert decode_command(bytes.fromhex(schema + "920407")) == LeaseRenew(LeaseId(7))
        for data in ("9204cc07", "dc00020407", "9204cd0007"):
            with pytest.raises(ValueError, match="canonical"):
                decode_command(bytes.fromhex(schema + data))


@pytest.mark.parametrize(
    "outcome",
    [
        Applied(7),
        Applied(7, 3),
        Applied(7, 0, LeaseId(3), 5000),
        Refused(1),
        Refused(9, (Guard("k", 0), Guard("l", 4)), "why", "full"),
    ],
)
def test_results_round_trip(outcome: Outcome) -> None:
    assert decode_result(encode_result(outcome)) == outcome


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x04\x91\x02",
        b"\x01",
        b"\x01\x91\x09",
        b"\x01\x92\x02\x00",
        SCHEMA_1[:-1],
        SCHEMA_1 + b"\x00",
        TODAY[:-1],
        TODAY + b"\x00",
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
