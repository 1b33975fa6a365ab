"""The threads behind `asyncio.to_thread` and `run_in_executor` in a host: they carry the request on.

`asyncio.to_thread` takes the context of its caller along; `loop.run_in_executor` does not, and calls
and log lines made there would belong to no trace. These threads always do, and show their work as a
span of its own where the trace is recorded.
"""

import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from aether.sdk.trace import SCOPE, Scope

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ContextThreads(ThreadPoolExecutor):
    """Runs everything in the context of whoever handed it in."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """See ThreadPoolExecutor."""
        context = _given_context(fn)
        if context is None:
            context = contextvars.copy_context()
            work = functools.partial(context.run, fn, *args, **kwargs)
        else:
            work = functools.partial(fn, *args, **kwargs)
        scope = SCOPE.get()
        if scope is None or not scope.is_sampled:
            return super().submit(work)
        span = scope.open(_name_of(fn), "thread")
        context.run(SCOPE.set, span)
        return super().submit(_recorded, span, work)


def _recorded(span: Scope, work: Callable[[], _T]) -> _T:
    try:
        result = work()
    except BaseException as failure:
        span.close(type(failure).__name__)
        raise
    span.close()
    return result


def _given_context(fn: object) -> contextvars.Context | None:
    """Return the context `asyncio.to_thread` has made for a call, None for other calls."""
    if isinstance(fn, functools.partial):
        owner = getattr(fn.func, "__self__", None)
        if isinstance(owner, contextvars.Context):
            return owner
    return None


def _name_of(fn: object) -> str:
    """Return how the function is called that will run in the thread."""
    while isinstance(fn, functools.partial):
        fn = fn.args[0] if _given_context(fn) is not None and fn.args else fn.func
    return str(getattr(fn, "__qualname__", type(fn).__name__))
