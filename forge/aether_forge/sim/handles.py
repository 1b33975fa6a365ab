"""Callbacks of a loop in virtual time: asyncio's own, made without what only debugging needs.

A run makes some hundred thousand of them.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from typing import Any


class Call(asyncio.Handle):
    """A callback that is due now."""

    __slots__ = ()
    _args: Sequence[Any]
    _callback: Callable[..., object] | None
    _context: Context
    _loop: asyncio.AbstractEventLoop
    _repr: str | None
    _source_traceback: None

    def __init__(
        self,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = self._source_traceback = None

    def cancel(self) -> None:
        """Have it not happen."""
        self._cancelled = True
        self._callback, self._args = None, ()


class Timer(asyncio.TimerHandle):
    """A callback that is due at a moment of virtual time."""

    __slots__ = ()
    _args: Sequence[Any]
    _callback: Callable[..., object] | None
    _context: Context
    _loop: asyncio.AbstractEventLoop
    _repr: str | None
    _scheduled: bool
    _source_traceback: None
    _when: float

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = self._scheduled = False
        self._repr = self._source_traceback = None
        self._when = when

    def cancel(self) -> None:
        """Have it not happen."""
        self._cancelled = True
        self._callback, self._args = None, ()
