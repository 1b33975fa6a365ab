import structlog

from aether.logs.orders import LogOrders
from aether.logs.process import ProcessLogs


def test_it_does_as_its_node_says_and_leaves_the_rest() -> None:
    heard: list[LogOrders] = []
    logs = ProcessLogs(heard.append)
    assert logs.take({"op": "logs", "level": "debug", "loggers": {"a": "error"}})
    assert logs.take({"event": "logs"})
    assert not logs.take({"op": "tracing"})
    assert not logs.take(7)
    assert heard == [LogOrders(level="debug", loggers={"a": "error"}), LogOrders()]


def test_nonsense_changes_nothing_and_is_logged() -> None:
    heard: list[LogOrders] = []
    with structlog.testing.capture_logs() as told:
        assert ProcessLogs(heard.append).take({"op": "logs", "loggers": 7})
    assert heard == []
    assert told[0]["event"] == "log levels refused"
