import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from aether.logs.levels import (
    level_for,
    name_levels,
    own_levels,
    set_level,
    set_own_levels,
)
from aether.logs.setup import configure_logs

LIBRARY = "some.library"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    told = io.StringIO()
    monkeypatch.setattr(sys, "stderr", told)
    configure_logs("node", "n-1")
    yield told
    set_own_levels({})
    set_level("info")
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.basicConfig(force=True)


def events(told: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in told.getvalue().splitlines()]


def test_one_logger_says_more_than_the_rest(lines: io.StringIO) -> None:
    log = structlog.get_logger()
    log.debug("before")
    set_own_levels({__name__: "debug"})
    log.debug("this")
    set_own_levels({"aether.other": "debug"})
    log.debug("not this")
    log.info("this too")
    assert events(lines) == ["this", "this too"]
    assert json.loads(lines.getvalue().splitlines()[0])["logger"] == __name__


def test_one_logger_says_less_than_the_rest(lines: io.StringIO) -> None:
    set_own_levels({__name__.partition(".")[0]: "error"})
    structlog.get_logger().warning("hidden")
    structlog.get_logger().error("seen")
    assert events(lines) == ["seen"]


def test_the_longest_name_wins(lines: io.StringIO) -> None:
    set_own_levels({"a": "error", "a.b": "debug"})
    assert level_for("a.b.c") == logging.DEBUG
    assert level_for("a.bc") == logging.ERROR
    assert level_for("b") == logging.INFO
    assert events(lines) == []


def test_loggers_of_libraries_have_levels_too_and_lose_them(lines: io.StringIO) -> None:
    library = logging.getLogger(LIBRARY)
    library.info("before")
    set_own_levels({LIBRARY: "debug"})
    library.debug("said")
    set_own_levels({})
    library.info("after")
    assert events(lines) == ["said"]


def test_a_level_of_a_later_version_is_passed_over() -> None:
    before = level_for("aether.rpc")
    try:
        set_own_levels({"aether.rpc": "trace", "aether.control": "debug"})
        assert level_for("aether.control") == logging.DEBUG
        assert level_for("aether.rpc") == before
    finally:
        set_own_levels({})


def test_the_root_logger_is_nobody_to_be_named() -> None:
    before = logging.getLogger().level
    try:
        set_own_levels({"root": "debug", "aether.control": "debug"})
        assert logging.getLogger().level == before
        assert own_levels() == {"aether.control": "debug"}
    finally:
        set_own_levels({})


def test_a_level_an_author_set_comes_back() -> None:
    library = logging.getLogger(f"{LIBRARY}.quiet")
    library.setLevel(logging.ERROR)
    try:
        set_own_levels({library.name: "debug"})
        set_own_levels({library.name: "info"})
        assert library.level == logging.INFO
        set_own_levels({})
        assert library.level == logging.ERROR
        set_own_levels({library.name: "debug"})
        library.setLevel(logging.WARNING)  # the author's code goes on deciding
        set_own_levels({})
        assert library.level == logging.WARNING
    finally:
        set_own_levels({})
        library.setLevel(logging.NOTSET)


def test_a_logger_that_was_put_out_of_use_says_something_again() -> None:
    library = logging.getLogger(f"{LIBRARY}.disabled")
    library.disabled = True
    set_own_levels({library.name: "debug"})
    assert library.isEnabledFor(logging.DEBUG)
    set_own_levels({})
    assert library.disabled
    library.disabled = False


def test_libraries_may_stay_as_they_are() -> None:
    root, before = logging.getLogger(), logging.getLogger().level
    try:
        root.setLevel(logging.INFO)
        set_level("error", libraries=False)
        assert (root.level, level_for("aether.host")) == (logging.INFO, logging.ERROR)
        set_level("no level of this version", libraries=False)
        assert level_for("aether.host") == logging.INFO
    finally:
        set_level("info", libraries=False)
        root.setLevel(before)


def test_names_alone_make_no_logger_of_the_standard_library() -> None:
    try:
        name_levels({"not.imported.yet": "debug"})
        assert level_for("not.imported.yet.part") == logging.DEBUG
        assert own_levels() == {"not.imported.yet": "debug"}
        assert "not.imported.yet" not in logging.root.manager.loggerDict
    finally:
        set_own_levels({})
