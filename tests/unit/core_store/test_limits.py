from aether.core.model.reason import Reason
from aether.core.store.commands import Delete, DeletePrefix, Guard, LeaseId, Put, Txn
from aether.core.store.limits import (
    key_problem,
    lone_put,
    prefix_problem,
    request_problem,
    txn_problem,
)

REASON = Reason("test", "unit", "because")


def test_what_is_at_the_limit_passes() -> None:
    assert key_problem("k" * 1024) is None
    assert prefix_problem("") is None
    operations = (Put("k", bytes(1024 * 1024)),) * 512
    assert txn_problem(Txn(operations, REASON, otherwise=(DeletePrefix(""),) * 512)) is None


def test_what_is_over_is_named() -> None:
    long = key_problem("é" * 513)
    assert long is not None
    assert long.too_large
    assert "1026" in long.message
    for txn, said in (
        (Txn((Put("big", bytes(1024 * 1024 + 1)),), REASON), "'big'"),
        (Txn((), REASON, guards=(Guard("g", 0),) * 513), "513 guards"),
        (Txn((), REASON, otherwise=(Delete("k"),) * 513), "`otherwise`"),
        (Txn((), REASON, guards=(Guard("", 0),)), "empty guard's key"),
        (Txn((DeletePrefix("p" * 1025),), REASON), "prefix"),
        (Txn((), REASON, request_id="\udc00"), "request id"),
    ):
        breach = txn_problem(txn)
        assert breach is not None
        assert said in breach.message


def test_small_commands_are_trusted_to_what_their_size_tells() -> None:
    long_id = Txn((Put("k", b""),), REASON, request_id="r" * 129)
    assert txn_problem(long_id, 300) is not None
    assert txn_problem(Txn((Put("k", b""),), REASON, request_id="r" * 32), 100) is None
    assert txn_problem(Txn((Put("k" * 1025, b""),), REASON), 1100) is not None


def test_request_ids_are_measured_in_bytes() -> None:
    assert request_problem("é" * 64) is None
    assert request_problem("é" * 65) is not None
    surrogate = request_problem("\udc00")
    assert surrogate is not None
    assert not surrogate.too_large


def test_a_put_is_alone_when_nothing_else_is_in_its_transaction() -> None:
    put = Put("k", b"v")
    assert lone_put(Txn((put,), REASON, request_id="r"), 40) is put
    for txn, size in (
        (Txn((put, put), REASON), 40),
        (Txn((Delete("k"),), REASON), 40),
        (Txn((Put("k", b"v", LeaseId(1)),), REASON), 40),
        (Txn((put,), REASON, guards=(Guard("g", 0),)), 40),
        (Txn((put,), REASON), 1025),
        (Txn((put,), REASON, request_id="r" * 33), 80),
    ):
        assert lone_put(txn, size) is None
