"""Which interface an application speaks: what is declared, checked against what it can be called with."""

import inspect
from typing import Any, Literal

Interface = Literal["asgi", "wsgi"]
CALLS: dict[Interface, str] = {
    "asgi": "(scope, receive, send)",
    "wsgi": "(environ, start_response)",
}
WHERE = "interface in [tool.aether.slice] of its pyproject.toml"


class InterfaceWrong(Exception):
    """The object is no application, or not one of the interface declared; says what would be."""


def interface_of(app: Any, name: str, declared: Interface | None) -> Interface:  # noqa: ANN401 - whatever an author names
    """Return the interface of an application; `name` is how the manifest calls it.

    An object that can be called in either way (`*args`, say) is what is declared. Raises InterfaceWrong,
    of such an object also when nothing is declared: a wrong guess would fail at every request.
    """
    if not callable(app):
        raise InterfaceWrong(
            f"app {name!r} is not callable, so no application: it is {_kind_of(app)}"
        )
    possible = _possible(app)
    if not possible:
        raise InterfaceWrong(_neither(app, name))
    if declared is None:
        if len(possible) > 1:
            raise InterfaceWrong(
                f"app {name!r} {_takes(app)}, so it may be ASGI or WSGI: write 'asgi' or 'wsgi' as {WHERE}"
            )
        return possible[0]
    if declared not in possible:
        (other,) = possible
        raise InterfaceWrong(
            f"app {name!r} is declared as {declared}, which is called with {CALLS[declared]}, but it "
            f"{_takes(app)}, as {other} has it: write {other!r} as {WHERE}, or leave the key out"
        )
    return declared


def _possible(app: Any) -> tuple[Interface, ...]:  # noqa: ANN401 - as above
    """Return the interfaces a callable may speak, judged by what it can be called with.

    Nothing else is asked of it: a plain function that returns a coroutine is ASGI too, and a class
    whose constructor takes two arguments is WSGI (PEP 3333 names both).
    """
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):  # written in C, or a signature that lies
        return ("asgi",) if _is_async(app) else ("asgi", "wsgi")
    takes_two, takes_three = _takes_count(signature, 2), _takes_count(signature, 3)
    if takes_two and takes_three:
        return ("asgi",) if _is_async(app) else ("asgi", "wsgi")
    if takes_three:
        return ("asgi",)
    return ("wsgi",) if takes_two and not _is_async(app) else ()


def _takes_count(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*(None,) * count)
    except TypeError:
        return False
    return True


def _is_async(app: Any) -> bool:  # noqa: ANN401 - as above
    if inspect.isclass(app):
        return False
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(
        getattr(app, "__call__", None)  # noqa: B004 - its function, not whether it is callable
    )


def _neither(app: Any, name: str) -> str:  # noqa: ANN401 - as above
    return (
        f"app {name!r} {_takes(app)}: an ASGI application is called with {CALLS['asgi']} and a WSGI "
        f"application, never async, with {CALLS['wsgi']}; of a factory, name what it returns"
    )


def _takes(app: Any) -> str:  # noqa: ANN401 - as above
    prefix = "is async and takes" if _is_async(app) else "takes"
    return f"{prefix} {_arguments(app)}"


def _arguments(app: Any) -> str:  # noqa: ANN401 - as above
    """Return the names of the parameters; annotations may be pages long."""
    try:
        return f"({', '.join(inspect.signature(app).parameters)})"
    except (TypeError, ValueError):
        return "what it does not tell"


def _kind_of(app: object) -> str:
    return f"of type {type(app).__name__}"
