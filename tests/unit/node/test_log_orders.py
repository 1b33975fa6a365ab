from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from aether.logs.levels import own_levels, set_level, set_own_levels
from aether.logs.orders import LogOrders, OrdersFile
from aether.node.log_orders import NodeLogs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    set_level("info")
    set_own_levels({})


def test_everybody_is_told_all_of_it_those_that_come_later_too(tmp_path: Path) -> None:
    path, first, later = tmp_path / "orders", list[LogOrders](), list[LogOrders]()
    logs = NodeLogs(path)
    logs.tell(first.append)
    logs.set_level("warning")
    logs.set_own_levels({"shop": "debug"})
    logs.tell(later.append)
    logs.want_lines()
    all_of_it = LogOrders(level="warning", loggers={"shop": "debug"}, lines=True)
    assert first[-1] == later[-1] == OrdersFile(path).news() == all_of_it
    assert (len(first), len(later)) == (2, 2), "not before the levels of loggers are known"
    assert own_levels() == {"shop": "debug"}


def test_a_file_that_cannot_be_written_keeps_nobody_else_from_hearing(tmp_path: Path) -> None:
    heard: list[LogOrders] = []
    logs = NodeLogs(tmp_path / "gone" / "orders")
    logs.tell(heard.append)
    with structlog.testing.capture_logs() as told:
        logs.set_own_levels({"shop": "debug"})
    assert heard[-1].loggers == {"shop": "debug"}
    assert told[0]["event"] == "log levels are not told"
