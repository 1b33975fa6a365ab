"""A model in a process of its own, asked from one thread: a process that hangs or dies costs a batch.

Loading numpy and onnxruntime holds Python's lock for 30 ms of processor time at a stretch, 0.1 s on a busy
machine. Nothing of that is in the node: neither the pause, nor the memory, nor a crash of a library.
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from aether.forecast.card import ModelUnusable
from aether.forecast.packing import Answer, Rows, packed, unpacked
from aether.forecast.wire import WireBroken, receive, send

START_S = 30.0
"""Longest wait for a process that loads its model; that takes 0.3 s, or some seconds on a busy machine."""
ANSWER_S = 10.0
"""Longest wait for a batch; then the process is ended, and the next batch starts another."""
_CLOSED = "the model was closed"
_PROGRAM = (sys.executable, "-m", "aether.forecast.worker")


class ModelFailed(Exception):
    """A batch or a start came to nothing; the next one may well not."""


@dataclass(frozen=True, slots=True)
class _Running:
    process: "subprocess.Popen[bytes]"
    wire: socket.socket

    def end(self) -> str:
        """End the process, which has nothing to lose; return how it had ended."""
        ended = self.process.poll()
        self.process.kill()
        self.process.wait()
        self.wire.close()
        return "it was stopped" if ended is None else f"it ended with {ended}"


class ModelProcess:
    """The process of one model. Not for two threads at a time, except for `leave`."""

    def __init__(self, model: bytes, answer_s: float = ANSWER_S) -> None:
        self.cpu_elsewhere_s = 0.0
        """CPU time that batches took in the process so far."""
        self._model = model
        self._answer_s = answer_s
        self._left = False
        self._running: _Running | None = None

    @property
    def pid(self) -> int | None:
        """Id of the process; None where none runs."""
        return None if self._running is None else self._running.process.pid

    def start(self) -> None:
        """Start the process and wait for its model.

        Raises ModelUnusable when that cannot be run, ModelFailed when there is no process, it broke off, or
        memory was short.
        """
        self._started()

    def _started(self) -> _Running:
        running = self._running = _spawned()
        if self._left:  # while there was nothing yet that `leave` could have woken
            self._end()
            raise ModelFailed(_CLOSED)
        try:
            running.wire.settimeout(START_S)
            send(running.wire, self._model)
            answer = receive(running.wire, Answer)
            running.wire.settimeout(self._answer_s)
        except WireBroken as error:
            raise ModelFailed(f"the model's process does not run: {self._end(error)}") from error
        if answer.problem:
            self._end()
            raise (ModelFailed if answer.passing else ModelUnusable)(answer.problem)
        return running

    def predict(self, histories: Sequence[Sequence[float]], step_s: float) -> list[Rows | None]:
        """Return a forecast for each history, as `Session.predict` does.

        Starts the process where it has died. Raises ModelFailed where there is no answer, and as `start` does.
        """
        if self._left:
            raise ModelFailed(_CLOSED)
        wire = (self._running or self._started()).wire
        try:
            send(wire, packed(histories, step_s))
            answer = receive(wire, Answer)
            found = unpacked(answer, len(histories))
        except (WireBroken, ValueError, IndexError) as error:
            raise ModelFailed(f"the model's process: {self._end(error)}") from error
        if answer.problem:
            raise ModelFailed(answer.problem)
        self.cpu_elsewhere_s += answer.cpu_s
        return found

    def leave(self) -> None:
        """Wait for no answer any more, and ask for none; from any thread, at once."""
        self._left = True
        running = self._running
        if running is not None:
            try:
                running.wire.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is gone already

    def close(self) -> None:
        """End the process."""
        self._left = True
        self._end()

    def _end(self, why: Exception | None = None) -> str:
        running, self._running = self._running, None
        return "it is gone" if running is None else f"{why}, {running.end()}"


def _spawned() -> _Running:
    """Start a process with one end of a socket pair; raise ModelFailed where files, processes or memory are short."""
    with contextlib.ExitStack() as opened:
        try:
            ours, theirs = map(opened.enter_context, socket.socketpair())
            process = subprocess.Popen(
                _PROGRAM,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # or it has a thread for each core
                start_new_session=True,  # what is typed at a terminal is for the node
            )
        except (OSError, MemoryError) as error:
            why = str(error) or "no memory"
            raise ModelFailed(f"the model's process cannot be started: {why}") from error
        theirs.close()
        opened.pop_all()  # ours stays
    return _Running(process, ours)
