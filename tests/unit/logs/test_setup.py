"""Log lines: one JSON object each, whoever writes them."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from aether.logs.levels import set_level
from aether.logs.setup import configure_logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_a_line_says_when_how_bad_what_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("node", "n1")
    structlog.get_logger().info("leading", epoch=3)
    line = json.loads(capsys.readouterr().err)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert (line["event"], line["epoch"], line["process"], line["node"]) == (
        "leading",
        3,
        "node",
        "n1",
    )


def test_libraries_go_the_same_way_and_quiet_levels_are_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("node", "n1", level="warning")
    structlog.get_logger().info("not this")
    logging.getLogger("library").warning("but %s", "this")
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "but this"


def test_an_exception_travels_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("node", "n1")
    try:
        int("broken")
    except ValueError:
        structlog.get_logger().exception("failed", value=object)
    assert "ValueError: invalid literal" in json.loads(capsys.readouterr().err)["exception"]


def test_a_level_set_later_counts_for_loggers_that_are_in_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("node", "n1", level="warning")
    log, library = structlog.get_logger(), logging.getLogger("library")

    def lines() -> list[str]:
        log.debug("one")
        log.info("two")
        log.error("three")
        library.warning("four")
        return [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]

    assert lines() == ["three", "four"]
    set_level("debug")
    assert lines() == ["one", "two", "three", "four"]
    set_level("error")
    assert lines() == ["three"]
