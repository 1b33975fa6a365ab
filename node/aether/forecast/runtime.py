"""The forecaster at run time: a model, a thread that asks it, a deadline, and counts of what came of it.

A node has its model in a process, simulators have it in their own. A node without numpy and onnxruntime,
or without a model that is whole, has no forecaster: `check_model` and `open_forecaster` say why.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from aether.forecast import card as cards
from aether.forecast.card import Card, ModelUnusable
from aether.forecast.packing import Rows
from aether.forecast.process import ModelFailed, ModelProcess

DEADLINE_S = 0.25
"""Longest wait for a batch; what comes later counts as no forecast."""
MOST_HISTORIES = 1024
"""In one batch; those beyond get no forecast."""
STEP_S = 60.0
"""Length of a step unless told otherwise."""

_T = TypeVar("_T")

_log = structlog.get_logger()


class Model(Protocol):
    """What answers batches; not for two threads at a time."""

    @property
    def cpu_elsewhere_s(self) -> float:
        """CPU time its batches took so far outside of the thread that asked."""
        ...

    def predict(self, histories: Sequence[Sequence[float]], step_s: float) -> list[Rows | None]:
        """Return a forecast for each history, or None."""
        ...

    def leave(self) -> None:
        """Have nobody wait for an answer any more; from any thread, at once."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


@dataclass(slots=True)
class Counts:
    """What came of batches so far."""

    batches: int = 0
    late: int = 0
    """Batches that were not done in time, or not begun because an earlier one still ran."""
    failed: int = 0
    forecasts: int = 0
    none: int = 0
    """Histories without a forecast: too short, or the answer was no number."""
    last_s: float = 0.0
    """Wall time of the last batch in its thread."""
    last_cpu_s: float = 0.0
    """CPU time of the last batch, in its thread and in the model's process."""


@dataclass(slots=True)
class _Worker:
    pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="forecast")
    )
    busy: bool = False


class OnnxForecaster:
    """Forecasts of many slices in one batch. `predict` is for a loop, `predict_now` for a simulator."""

    def __init__(self, card: Card, model: Model, deadline_s: float = DEADLINE_S) -> None:
        self.card = card
        self.counts = Counts()
        self.problem = ""
        """Why the last batch that ended came to nothing, in a sentence; empty when it went well."""
        self._model = model
        self._deadline_s = deadline_s
        self._worker = _Worker()

    @classmethod
    def load(cls, folder: Path | None = None, deadline_s: float = DEADLINE_S) -> "OnnxForecaster":
        """Load the model in a folder, or the shipped one, in this process; takes some 0.2 s the first time.

        Raises ModelUnusable when it, its card, or a library is missing or broken.
        """
        card, model = cards.read(folder or cards.SHIPPED)
        try:
            from aether.forecast.session import Session  # noqa: PLC0415 - numpy and onnxruntime are an extra
        except ImportError as error:
            raise cards.not_installed(error) from error
        session = Session(model)
        session.predict(
            [[0.0] * 64], STEP_S
        )  # the first run takes longer: nobody should wait for it
        return cls(card, session, deadline_s)

    @classmethod
    async def start(cls, card: Card, model: bytes) -> "OnnxForecaster":
        """Do the same in a process of its own, which lives until `close`; broken off, there is none.

        Raises ModelUnusable, and ModelFailed where it may succeed another time.
        """
        process = ModelProcess(model)
        found = cls(card, process)
        try:
            await found.aside(process.start)
        except BaseException:
            found.close()
            raise
        return found

    def predict_now(
        self, histories: Sequence[Sequence[float]], step_s: float = STEP_S
    ) -> list[Rows | None]:
        """Return forecasts at once, in the calling thread.

        Each history holds mean rates per step of `step_s` seconds, oldest first, NaN where nobody
        measured. An answer has a row (p10, p50, p90, p98) for each of the next 15 steps.
        """
        return self._model.predict(histories, step_s)

    def predict_past(
        self, history: Sequence[float], steps: int, step_s: float = STEP_S
    ) -> list[Rows | None]:
        """Return what would have been forecast before each of the last `steps` steps of a history."""
        size = len(history)
        return self.predict_now([history[: size - back] for back in range(steps, 0, -1)], step_s)

    async def aside(self, work: Callable[[], _T]) -> _T:
        """Run what may take long in the worker thread; forecasts are late meanwhile, not wrong."""
        self._worker.busy = True
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker.pool, work)
        finally:
            self._worker.busy = False

    async def predict(
        self, histories: Sequence[Sequence[float]], step_s: float = STEP_S
    ) -> list[Rows | None]:
        """Return the same from the worker thread; None for all of them when that takes too long."""
        nothing: list[Rows | None] = [None] * len(histories)
        self.counts.batches += 1
        if self._worker.busy:
            self.counts.late += 1
            return nothing
        self._worker.busy = True
        batch = histories[:MOST_HISTORIES]
        running = asyncio.get_running_loop().run_in_executor(
            self._worker.pool, self._run, batch, step_s
        )
        try:
            async with asyncio.timeout(self._deadline_s):
                found = await asyncio.shield(running)
        except TimeoutError:
            self.counts.late += 1
            running.add_done_callback(_seen)
            return nothing
        except asyncio.CancelledError:
            running.add_done_callback(_seen)
            raise
        except Exception:  # noqa: BLE001 - whatever the library raises, there is no forecast; the trace is logged
            self.counts.failed += 1
            _log.exception("forecast failed", histories=len(batch))
            return nothing
        answers = [*found, *nothing[len(found) :]]
        self.counts.none += sum(answer is None for answer in answers)
        self.counts.forecasts += sum(answer is not None for answer in answers)
        return answers

    def _run(self, histories: Sequence[Sequence[float]], step_s: float) -> list[Rows | None]:
        wall, cpu = time.perf_counter(), self._cpu_s()
        try:
            found = self._model.predict(histories, step_s)
        except Exception as problem:
            self.problem = why_no_next(problem)
            raise
        else:
            self.problem = ""
            return found
        finally:
            self.counts.last_s = time.perf_counter() - wall
            self.counts.last_cpu_s = self._cpu_s() - cpu
            self._worker.busy = False

    def _cpu_s(self) -> float:
        return time.thread_time() + self._model.cpu_elsewhere_s

    def close(self) -> None:
        """Let the worker thread and the model's process end; what they are doing is not waited for."""
        self._model.leave()
        self._worker.pool.submit(self._model.close)
        self._worker.pool.shutdown(wait=False)


def _seen(running: "asyncio.Future[list[Rows | None]]") -> None:
    """Take note of how a late batch ended, so that its failure is not reported as nobody's."""
    if not running.cancelled() and running.exception() is not None:
        _log.warning("a late forecast failed", problem=str(running.exception())[:200])


async def open_forecaster(folder: Path | None) -> OnnxForecaster | str:
    """Start a model's process from a thread; return why that cannot be, in a sentence, where it cannot.

    Raises ModelFailed where it may succeed another time.
    """
    try:
        found = await OnnxForecaster.start(*await _read(folder))
    except ModelFailed:
        raise
    except (OSError, MemoryError) as shortage:
        raise ModelFailed(f"the model's process cannot be started: {_told(shortage)}") from shortage
    except ModelUnusable as problem:
        return why_none(problem)
    except Exception as problem:  # noqa: BLE001 - whatever the library raises, there are no forecasts; the trace is logged
        _log.exception("the model cannot be run")
        why = f"the model in {folder or cards.SHIPPED} cannot be run: {problem!s:.200}"
        return why_none(ModelUnusable(why))
    _log.info("forecaster loaded", model=found.card.name, sha256=found.card.sha256[:16])
    return found


async def check_model(folder: Path | None) -> Card | str:
    """Return the card of a model that is whole, or why there will be no forecasts; nothing is loaded.

    Raises ModelFailed where the model may be read another time.
    """
    try:
        card, _ = await _read(folder)
    except ModelUnusable as problem:
        return why_none(problem)
    return card


async def _read(folder: Path | None) -> tuple[Card, bytes]:
    try:
        return await asyncio.to_thread(cards.read, folder or cards.SHIPPED)
    except (OSError, MemoryError) as shortage:
        raise ModelFailed(f"the model cannot be read: {_told(shortage)}") from shortage


def _told(shortage: Exception) -> str:
    return str(shortage) or "no memory"


def why_no_next(problem: Exception) -> str:
    """Say plainly what a node does whose forecaster failed, and may not fail the next time."""
    why = str(problem) or type(problem).__name__
    return f"no forecasts before the next step, scaling is reactive only: {why:.300}"


def why_none(problem: ModelUnusable) -> str:
    """Say plainly what a node without a forecaster does."""
    _log.warning("no forecaster: scaling is reactive only", problem=problem.message)
    return f"no forecasts, scaling is reactive only: {problem.message}"
