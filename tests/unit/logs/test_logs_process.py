import structlog

from aether.logs.orders import LogOrders
from aether.logs.process import ProcessLogs
from aether.logs.taps import hand_on


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


def test_what_nobody_took_before_the_end_is_counted_in_the_log() -> None:
    logs = ProcessLogs(lambda _: None)
    logs.take({"op": "logs", "lines": True})
    for _ in range(3):
        hand_on({"event": "x"})
    with structlog.testing.capture_logs() as told:
        logs.close()
        logs.close()
    assert [(each["event"], each["count"]) for each in told] == [("lines were not sent", 3)]
