from aether.core.model.reason import Reason
from aether.core.store.commands import Delete, DeletePrefix, Guard, Put, Txn
from aether.core.store.limits import key_problem, prefix_problem, txn_problem

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
