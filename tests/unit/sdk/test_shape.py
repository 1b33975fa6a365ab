from typing import Protocol

import pytest

from aether.sdk import Config, Kv, Slice, call, get, post, remote
from aether.sdk.binding import BindingError
from aether.sdk.memory import MemoryKv
from aether.sdk.shape import construct, shape_of


@remote("org.example:clicks")
class Clicks(Protocol):
    async def record(self, code: str) -> int: ...


class Links(Slice):
    def __init__(self, kv: Kv, clicks: Clicks, settings: Config, size: int = 7) -> None:
        self.kv, self.clicks, self.settings, self.size = kv, clicks, settings, size
        self.seen = dict(self.config)

    @get("/{code}")
    async def follow(self, code: str) -> None: ...

    @post("/links")
    async def make(self, body: dict[str, str]) -> None: ...

    @call(idempotent=True)
    async def resolve(self, code: str) -> str | None: ...

    async def not_offered(self) -> None: ...


class NoCaller:
    async def call(
        self, slice_base: str, method: str, body: bytes, *, timeout_s: float, idempotent: bool
    ) -> bytes:
        raise NotImplementedError


def test_a_class_tells_what_it_offers_and_needs() -> None:
    shape = shape_of(Links)
    assert [(route.mark.method, route.mark.pattern) for route in shape.routes] == [
        ("POST", "/links"),
        ("GET", "/{code}"),
    ]
    assert list(shape.methods) == ["resolve"]
    assert shape.methods["resolve"].mark.idempotent
    assert shape.remotes == {"org.example:clicks"}


def test_the_constructor_gets_what_it_asks_for_and_config_is_there_before() -> None:
    kv, config = MemoryKv(), Config({"a": 1})
    made = construct(Links, shape_of(Links), config, kv, NoCaller())
    assert isinstance(made, Links)
    assert made.kv is kv
    assert made.settings is made.config is config
    assert hasattr(made.clicks, "record")
    assert (made.size, made.seen) == (7, {"a": 1})


def test_a_slice_without_constructor_needs_nothing() -> None:
    class Bare(Slice): ...

    assert shape_of(Bare).needs == {}
    assert construct(Bare, shape_of(Bare), Config(), MemoryKv(), NoCaller()).config == {}


def test_what_cannot_be_injected_is_named() -> None:
    class Greedy(Slice):
        def __init__(self, database: str) -> None: ...

    with pytest.raises(BindingError, match="asks for 'database'"):
        shape_of(Greedy)


def test_handlers_are_async_and_routes_unique() -> None:
    class Blocking(Slice):
        @get("/x")
        def handler(self) -> None: ...

    class Twins(Slice):
        @get("/x")
        async def one(self) -> None: ...

        @get("/x")
        async def two(self) -> None: ...

    class Alike(Slice):
        @get("/x/{id}")
        async def one(self, id: str) -> None: ...  # noqa: A002 - a name people give

        @get("/x/{name}")
        async def two(self, name: str) -> None: ...

    with pytest.raises(BindingError, match="must be an async function"):
        shape_of(Blocking)
    with pytest.raises(BindingError, match="twice: in one and in two"):
        shape_of(Alike)
    with pytest.raises(BindingError, match="twice: in one and in two"):
        shape_of(Twins)
