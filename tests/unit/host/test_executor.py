"""Threads of a host: what runs there belongs to the request, however it came there."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aether.host.executor import ContextThreads
from aether.host.spans import HostSpan, SpanRecorder
from aether.sdk.trace import SCOPE, log_ids, span

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"


@pytest.fixture
async def threads() -> AsyncIterator[ContextThreads]:
    made = ContextThreads(2)
    asyncio.get_running_loop().set_default_executor(made)
    yield made
    made.shutdown()


def begin(recorder: SpanRecorder, flags: bytes = b"01") -> HostSpan:
    request = recorder.begin("GET", b"/", PARENT + flags)
    assert request is not None
    SCOPE.set(request)
    return request


def work() -> tuple[str, str] | None:
    with span("inside"):
        return log_ids()


def fail() -> None:
    raise ValueError("no")


@pytest.mark.usefixtures("threads")
async def test_to_thread_and_run_in_executor_are_spans_below_the_request() -> None:
    recorder = SpanRecorder()
    request = begin(recorder)
    seen = await asyncio.to_thread(work)
    also = await asyncio.get_running_loop().run_in_executor(None, work)
    spans = recorder.take(10)
    assert [each.kind for each in spans] == ["part", "thread", "part", "thread"]
    for inner, thread in (spans[:2], spans[2:]):
        assert (inner.parent, thread.parent) == (thread.id, request.span_id)
        assert thread.name == "work"
    assert seen is not None
    assert also is not None
    assert seen[0] == also[0] == request.trace_id
    assert SCOPE.get() is request, "the caller's own place stays"


@pytest.mark.usefixtures("threads")
async def test_a_failure_in_a_thread_is_told() -> None:
    recorder = SpanRecorder()
    begin(recorder)
    with pytest.raises(ValueError, match="no"):
        await asyncio.to_thread(fail)
    (told,) = recorder.take(10)
    assert (told.kind, told.name, told.problem) == ("thread", "fail", "ValueError")


@pytest.mark.usefixtures("threads")
async def test_what_is_not_sampled_is_carried_on_and_not_recorded() -> None:
    recorder = SpanRecorder()
    request = begin(recorder, b"00")
    seen = await asyncio.get_running_loop().run_in_executor(None, work)
    assert seen == (request.trace_id, request.span_id)
    assert list(recorder.take(10)) == []


@pytest.mark.usefixtures("threads")
async def test_outside_of_requests_there_is_nothing_to_carry() -> None:
    assert await asyncio.get_running_loop().run_in_executor(None, work) is None
