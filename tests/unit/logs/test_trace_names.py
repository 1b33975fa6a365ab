"""Trace ids in log lines: of our own logger, of the standard library's, and none outside of requests."""

import io
import logging
from collections.abc import Iterator

import pytest

from aether.logs.trace_names import add_trace, name_traces
from aether.sdk.trace import SCOPE, Scope

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def handled() -> Iterator[None]:
    token = SCOPE.set(Scope(TRACE, SPAN))
    yield
    SCOPE.reset(token)


@pytest.fixture
def named() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    before = logging.getLogRecordFactory()
    name_traces()
    name_traces()  # a second time changes nothing
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(message)s%(trace)s [%(trace_id)s]"))
    logger = logging.getLogger("test.trace_names")
    logger.addHandler(handler)
    yield logger, text
    logger.removeHandler(handler)
    logging.setLogRecordFactory(before)


@pytest.mark.usefixtures("handled")
def test_a_line_written_for_a_request_names_trace_and_span() -> None:
    event = add_trace(None, "info", {"event": "x"})
    assert event == {"event": "x", "trace_id": TRACE, "span_id": SPAN}
    told = add_trace(None, "info", {"event": "x", "trace_id": "own"})
    assert told["trace_id"] == "own"


def test_other_lines_name_none() -> None:
    assert add_trace(None, "info", {"event": "x"}) == {"event": "x"}


@pytest.mark.usefixtures("handled")
def test_records_of_the_standard_logging_have_the_ids(
    named: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, text = named
    logger.warning("hello")
    assert text.getvalue() == f"hello trace_id={TRACE} span_id={SPAN} [{TRACE}]\n"


def test_records_outside_of_requests_have_none(
    named: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, text = named
    logger.warning("hello")
    assert text.getvalue() == "hello []\n"
