import functools
from typing import Any
from wsgiref.validate import validator

import pytest

from aether.host.interface import Interface, InterfaceWrong, interface_of


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


def asgi_in_sync_clothes(scope: Any, receive: Any, send: Any) -> Any:
    return asgi(scope, receive, send)


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


class AsgiObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class WsgiObject:
    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        return []


class WsgiClass:
    """The application is the class itself: PEP 3333 has one as its example."""

    def __init__(self, environ: Any, start_response: Any) -> None: ...

    def __iter__(self) -> Any:
        return iter(())


def anything(*args: Any) -> Any: ...


async def anything_async(*args: Any) -> Any: ...


def factory() -> Any: ...


async def async_of_two(environ: Any, start_response: Any) -> None: ...


def old_asgi(scope: Any) -> Any: ...


def with_default(environ: Any, start_response: Any, extra: Any = None) -> Any: ...


@functools.wraps(wsgi)
def wrapped(*args: Any) -> Any: ...


@pytest.mark.parametrize(
    ("app", "found"),
    [
        (asgi, "asgi"),
        (asgi_in_sync_clothes, "asgi"),
        (AsgiObject(), "asgi"),
        (functools.partial(asgi), "asgi"),
        (wsgi, "wsgi"),
        (WsgiObject(), "wsgi"),
        (WsgiObject().__call__, "wsgi"),
        (WsgiClass, "wsgi"),
        (functools.partial(with_default, extra=1), "wsgi"),
        (wrapped, "wsgi"),
        (anything_async, "asgi"),
    ],
)
def test_an_interface_is_found_out(app: Any, found: Interface) -> None:
    assert interface_of(app, "m:app", None) == found


@pytest.mark.parametrize("declared", ["asgi", "wsgi"])
@pytest.mark.parametrize("app", [anything, with_default, max])
def test_what_can_be_called_in_both_ways_is_what_it_is_declared_to_be(
    app: Any, declared: Interface
) -> None:
    assert interface_of(app, "m:app", declared) == declared


@pytest.mark.parametrize("app", [anything, with_default, max, validator(wsgi)])
def test_what_can_be_called_in_both_ways_must_be_declared(app: Any) -> None:
    with pytest.raises(InterfaceWrong, match="may be ASGI or WSGI: write 'asgi' or 'wsgi'"):
        interface_of(app, "m:app", None)


@pytest.mark.parametrize(
    ("app", "declared", "parts"),
    [
        (wsgi, "asgi", ["declared as asgi", "(environ, start_response)", "write 'wsgi'"]),
        (asgi, "wsgi", ["declared as wsgi", "is async", "(scope, receive, send)", "'asgi'"]),
        (anything_async, "wsgi", ["declared as wsgi", "is async"]),
    ],
)
def test_a_wrong_declaration_is_named_with_what_to_write(
    app: Any, declared: Interface, parts: list[str]
) -> None:
    with pytest.raises(InterfaceWrong) as refused:
        interface_of(app, "shop.web:app", declared)
    text = str(refused.value)
    for part in ("'shop.web:app'", "interface in [tool.aether.slice]", *parts):
        assert part in text


@pytest.mark.parametrize("declared", [None, "asgi", "wsgi"])
@pytest.mark.parametrize(
    ("app", "part"),
    [
        (factory, "of a factory, name what it returns"),
        (async_of_two, "is async and takes (environ, start_response)"),
        (old_asgi, "takes (scope)"),
        (5, "not callable, so no application: it is of type int"),
    ],
)
def test_what_speaks_neither_is_refused(app: Any, part: str, declared: Interface | None) -> None:
    with pytest.raises(InterfaceWrong) as refused:
        interface_of(app, "m:app", declared)
    assert part in str(refused.value)
    assert "'m:app'" in str(refused.value)
