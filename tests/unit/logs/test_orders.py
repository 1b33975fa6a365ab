from pathlib import Path

import pytest
import structlog

from aether.logs.orders import LogOrders, OrdersFile, plain_orders, read_orders, write_orders


def test_what_is_told_is_what_is_read() -> None:
    orders = LogOrders(level="error", loggers={"a.b": "debug"}, lines=True)
    assert read_orders({"op": "logs", "of a later version": 1, **plain_orders(orders)}) == orders


@pytest.mark.parametrize("message", [7, {"level": 3}, {"loggers": {"a": 1}}, {"lines": "yes"}])
def test_what_is_none_is_refused(message: object) -> None:
    with pytest.raises(ValueError, match="Expected"):
        read_orders(message)


def test_a_file_is_read_when_it_is_another_one(tmp_path: Path) -> None:
    path, heard = tmp_path / "orders.json", list[LogOrders]()
    file = OrdersFile(path)
    file.heed(heard.append)
    assert heard == []
    for level in ("debug", "error"):
        write_orders(path, LogOrders(level=level))
        file.heed(heard.append)
        file.heed(heard.append)
    assert heard == [LogOrders(level="debug"), LogOrders(level="error")]
    assert OrdersFile(path).news() == LogOrders(level="error")


def test_a_file_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    path, heard = tmp_path / "orders.json", list[LogOrders]()
    path.write_text("[]")
    file = OrdersFile(path)
    with structlog.testing.capture_logs() as logs:
        file.heed(heard.append)
        file.heed(heard.append)
    assert (heard, len(logs)) == ([], 1)
    assert logs[0]["path"] == str(path)
