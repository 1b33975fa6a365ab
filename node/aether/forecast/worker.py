"""The process of a model: `python -m aether.forecast.worker`, with a socket for standard input.

Takes the model's bytes first and then batches, one at a time, until the node closes the socket or is gone.
"""

import socket
import time
from typing import TYPE_CHECKING

from msgspec import structs

from aether.forecast.card import ModelUnusable, not_installed
from aether.forecast.packing import Answer, Packed, packed
from aether.forecast.wire import WireBroken, receive, send

if TYPE_CHECKING:
    from aether.forecast.session import Session

_STEP_S = 60.0
_MOST_TEXT = 300


def serve(node: socket.socket) -> None:
    """Answer what comes over a socket until its other end is gone."""
    try:
        session = _session(receive(node, bytes))
        if isinstance(session, Answer):
            send(node, session)
            return
        send(node, Answer())
        spent_s = time.process_time()
        while True:
            answer = _answer(session, receive(node, Packed))
            before_s, spent_s = spent_s, time.process_time()
            send(node, structs.replace(answer, cpu_s=spent_s - before_s))
    except WireBroken:
        return  # nobody is there to be told


def _session(model: bytes) -> "Session | Answer":
    """Return the model, loaded and run once; or why there is none."""
    try:
        from aether.forecast.session import Session  # noqa: PLC0415 - numpy and onnxruntime are an extra

        session = Session(model)
        session.answer(
            packed([[0.0] * 64], _STEP_S)
        )  # the first run takes longer: nobody waits for it
    except ModuleNotFoundError as error:
        return Answer(problem=not_installed(error).message)
    except ModelUnusable as problem:
        return Answer(problem=problem.message, passing=_is_passing(problem.__cause__))
    except Exception as problem:  # noqa: BLE001 - whatever the library raises, the node says it and lives on
        why = f"the model cannot be run: {_text(problem)}"
        return Answer(problem=why, passing=_is_passing(problem))
    return session


def _is_passing(problem: BaseException | None) -> bool:
    """Return whether memory or files were short; a library that is there and is not mapped fails for that, too."""
    return isinstance(problem, MemoryError | OSError | ImportError) or "bad_alloc" in str(problem)


def _answer(session: "Session", batch: Packed) -> Answer:
    try:
        return session.answer(batch)
    except Exception as problem:  # noqa: BLE001 - a batch that fails costs its forecasts; the node logs it
        return Answer(problem=_text(problem))


def _text(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem!s:.{_MOST_TEXT}}"


if __name__ == "__main__":
    serve(socket.socket(fileno=0))
