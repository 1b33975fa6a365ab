import asyncio
import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from aether.forecast import card as cards
from aether.forecast import process, runtime
from aether.forecast.card import SHIPPED, ModelUnusable, read
from aether.forecast.packing import Rows
from aether.forecast.process import ModelFailed, ModelProcess
from aether.forecast.runtime import MOST_HISTORIES, OnnxForecaster, check_model, open_forecaster
from aether.forecast.session import Session
from aether.forecast.shape import HORIZON
from aether.ports import Forecaster

PAST = [float(10 + minute % 5) for minute in range(200)]
LOOK_S = 0.01


class Slow(Session):
    """A session that waits until it is let go, or fails."""

    def __init__(self) -> None:
        super().__init__(read(SHIPPED)[1])
        self.go = threading.Event()
        self.failure: Exception | None = None

    def predict(self, histories: object, step_s: float) -> list[Rows | None]:
        self.go.wait(10)
        if self.failure is not None:
            raise self.failure
        return super().predict(histories, step_s)  # type: ignore[arg-type] # as it was given


def slow(deadline_s: float = 0.05) -> tuple[OnnxForecaster, Slow]:
    session = Slow()
    return OnnxForecaster(read(SHIPPED)[0], session, deadline_s), session


async def until(answers: OnnxForecaster) -> list[Rows | None]:
    """Ask until an answer comes in time; the test's own deadline bounds it."""
    while True:
        found = await answers.predict([PAST])
        if found[0] is not None:
            return found


async def test_the_worker_answers_as_the_caller_would() -> None:
    forecaster = OnnxForecaster.load(deadline_s=10)
    found = await forecaster.predict([PAST, [1.0]])
    assert found == [forecaster.predict_now([PAST])[0], None]
    assert found[0] is not None
    assert len(found[0]) == HORIZON
    counts = forecaster.counts
    assert (counts.batches, counts.forecasts, counts.none, counts.late) == (1, 1, 1, 0)
    assert counts.last_cpu_s > 0
    forecaster.close()


async def test_what_comes_late_is_no_forecast_and_nothing_queues_behind_it() -> None:
    forecaster, session = slow()
    began = time.monotonic()
    assert await forecaster.predict([PAST]) == [None]
    assert await forecaster.predict([PAST, PAST]) == [None, None]
    assert time.monotonic() - began < 5
    assert forecaster.counts.late == 2
    session.go.set()
    async with asyncio.timeout(10):
        (rows,) = await until(forecaster)
    assert rows is not None
    forecaster.close()


async def test_a_failure_is_no_forecast_and_is_logged() -> None:
    forecaster, session = slow(deadline_s=10)
    session.go.set()
    session.failure = RuntimeError("the library broke")
    with capture_logs() as logs:
        assert await forecaster.predict([PAST]) == [None]
    assert forecaster.counts.failed == 1
    assert [entry["event"] for entry in logs] == ["forecast failed"]
    session.failure = None
    assert (await forecaster.predict([PAST]))[0] is not None
    forecaster.close()


async def test_a_batch_is_bounded() -> None:
    forecaster = OnnxForecaster.load(deadline_s=60)
    found = await forecaster.predict([[1.0]] * (MOST_HISTORIES - 1) + [PAST, PAST])
    assert len(found) == MOST_HISTORIES + 1
    assert found[-2] is not None
    assert found[-1] is None
    forecaster.close()


def test_the_past_is_forecast_as_it_would_have_been() -> None:
    forecaster = OnnxForecaster.load()
    found = forecaster.predict_past(PAST, 3)
    expected = [forecaster.predict_now([PAST[:-back]])[0] for back in (3, 2, 1)]
    for rows, other in zip(found, expected, strict=True):
        assert rows is not None
        assert other is not None
        assert rows[0] == pytest.approx(other[0], rel=1e-4)


async def test_without_a_model_it_is_said_plainly(tmp_path: Path) -> None:
    with capture_logs() as logs:
        why = await open_forecaster(tmp_path)
        same = await check_model(tmp_path)
    assert isinstance(why, str)
    assert why == same
    assert "reactive only" in why
    assert "card.json" in why
    assert {entry["log_level"] for entry in logs} == {"warning"}


async def test_without_the_libraries_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "aether.forecast.session", None)
    with pytest.raises(ModelUnusable, match=r"aether-cluster\[forecast\]"):
        OnnxForecaster.load()
    card = await check_model(None)
    assert not isinstance(card, str)


async def test_long_work_aside_makes_forecasts_late_and_then_ends() -> None:
    forecaster = OnnxForecaster.load(deadline_s=10)
    go = threading.Event()
    aside = asyncio.ensure_future(forecaster.aside(lambda: go.wait(10)))  # noqa: TID251 - awaited below
    await asyncio.sleep(0)
    assert await forecaster.predict([PAST]) == [None]
    go.set()
    assert await aside
    assert (await forecaster.predict([PAST]))[0] is not None
    forecaster.close()


async def test_it_is_the_forecaster_of_the_ports() -> None:
    forecaster: Forecaster = OnnxForecaster.load(deadline_s=10)
    assert len(await forecaster.predict([PAST])) == 1


async def test_a_model_that_loads_and_cannot_run_is_no_forecaster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no kernel for Gemm")

    monkeypatch.setattr(ModelProcess, "start", broken)
    with capture_logs() as logs:
        found = await open_forecaster(None)
    assert isinstance(found, str)
    assert "reactive only" in found
    assert "no kernel for Gemm" in found
    assert any(entry["event"] == "the model cannot be run" for entry in logs)


class Watched:
    """A model that notes in which threads it is asked and let go."""

    cpu_elsewhere_s = 0.0

    def __init__(self) -> None:
        self.threads: list[tuple[str, int]] = []
        self.closed = threading.Event()

    def _note(self, what: str) -> None:
        self.threads.append((what, threading.get_ident()))

    def start(self) -> None:
        self._note("start")

    def predict(self, histories: Sequence[Sequence[float]], _: float) -> list[Rows | None]:
        self._note("predict")
        return [None] * len(histories)

    def leave(self) -> None:
        """Called on the loop: it only says that nobody waits any more."""

    def close(self) -> None:
        self._note("close")
        self.closed.set()


async def test_neither_the_start_nor_a_batch_nor_the_end_of_a_model_is_the_loops_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Watched()
    monkeypatch.setattr(runtime, "ModelProcess", lambda _: model)
    forecaster = await open_forecaster(None)
    assert isinstance(forecaster, OnnxForecaster)
    assert await forecaster.predict([PAST]) == [None]
    await forecaster.aside(lambda: forecaster.predict_past(PAST, 2))
    forecaster.close()
    assert model.closed.wait(10)
    assert [what for what, _ in model.threads] == ["start", "predict", "predict", "close"]
    assert threading.get_ident() not in {thread for _, thread in model.threads}


ALONE = """
import asyncio, sys
from aether.forecast.runtime import open_forecaster

async def main():
    forecaster = await open_forecaster(None)
    forecaster._deadline_s = 30
    (rows,) = await forecaster.predict([[5.0] * 200])
    assert len(rows) == 15, rows
    assert forecaster.counts.last_cpu_s > 0
    forecaster.close()

asyncio.run(main())
print(sorted({"numpy", "onnxruntime"} & sys.modules.keys()))
"""


def test_a_node_forecasts_without_numpy_and_onnxruntime_in_its_own_process() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == b"[]"


async def test_a_node_that_stops_while_the_model_is_loaded_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, begun, go = Watched(), threading.Event(), threading.Event()

    def start() -> None:
        begun.set()
        go.wait(10)

    monkeypatch.setattr(model, "start", start)
    monkeypatch.setattr(runtime, "ModelProcess", lambda _: model)
    opening = asyncio.ensure_future(open_forecaster(None))  # noqa: TID251 - awaited below
    assert await asyncio.to_thread(begun.wait, 10)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    go.set()
    async with asyncio.timeout(10):
        await asyncio.to_thread(model.closed.wait, 10)
    assert model.threads[-1][0] == "close"


async def until_none(children: list[psutil.Process]) -> None:
    async with asyncio.timeout(10):
        while any(child.is_running() for child in children):  # noqa: ASYNC110 - a state, bounded above
            await asyncio.sleep(LOOK_S)


async def test_a_start_that_takes_long_is_broken_off_with_the_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silent = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")
    monkeypatch.setattr(process, "_PROGRAM", silent)
    opening = asyncio.ensure_future(open_forecaster(None))  # noqa: TID251 - awaited below

    def mine() -> list[psutil.Process]:
        children = psutil.Process().children()
        return [child for child in children if child.cmdline()[1:] == list(silent[1:])]

    async with asyncio.timeout(20):
        while not mine():  # noqa: ASYNC110 - a state, bounded above
            await asyncio.sleep(LOOK_S)
    children = mine()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await until_none(children)


async def test_a_shortage_is_no_reason_to_give_a_model_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(cards, "_bytes", short)
        for opened in (check_model, open_forecaster):
            with pytest.raises(ModelFailed, match="Too many open files"):
                await opened(None)
    monkeypatch.setattr(ModelProcess, "start", short)
    with pytest.raises(ModelFailed, match="Too many open files"):
        await open_forecaster(None)
