from typing import Protocol, cast

import msgspec
import pytest

from aether.sdk import CallFailed, call, remote
from aether.sdk.remote import proxy, remote_mark


@remote("org.example:clicks", timeout_s=2)
class Clicks(Protocol):
    async def record(self, code: str, times: int = 1) -> int: ...

    @call(idempotent=True)
    async def total(self, code: str) -> int: ...

    def not_a_call(self) -> None: ...


class FakeCaller:
    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.calls: list[tuple[str, str, object, float, bool]] = []

    async def call(
        self, slice_base: str, method: str, body: bytes, *, timeout_s: float, idempotent: bool
    ) -> bytes:
        self.calls.append((slice_base, method, msgspec.msgpack.decode(body), timeout_s, idempotent))
        return msgspec.msgpack.encode(self.answer)


async def test_a_protocol_becomes_calls() -> None:
    caller = FakeCaller(7)
    clicks = cast("Clicks", proxy(Clicks, caller))
    assert await clicks.record("x") == 7
    assert await clicks.record(times=3, code="y") == 7
    assert await clicks.total("z") == 7
    assert caller.calls == [
        ("org.example:clicks", "record", ["x", 1], 2, False),
        ("org.example:clicks", "record", ["y", 3], 2, False),
        ("org.example:clicks", "total", ["z"], 2, True),
    ]


async def test_wrong_arguments_do_not_leave_and_wrong_results_do_not_come_in() -> None:
    caller = FakeCaller("seven")
    clicks = cast("Clicks", proxy(Clicks, caller))
    with pytest.raises(TypeError):
        await clicks.record()  # type: ignore[call-arg] # on purpose
    assert caller.calls == []
    with pytest.raises(CallFailed, match="not what the protocol says"):
        await clicks.record("x")


def test_only_marked_protocols_with_methods_are_clients() -> None:
    class Unmarked(Protocol):
        async def m(self) -> None: ...

    @remote("org.example:empty")
    class Empty(Protocol): ...

    assert remote_mark(Unmarked) is None
    with pytest.raises(TypeError, match="not marked"):
        proxy(Unmarked, FakeCaller(1))
    with pytest.raises(TypeError, match="no async method"):
        proxy(Empty, FakeCaller(1))
    with pytest.raises(ValueError, match="above 0"):
        remote("a:b", timeout_s=0)
