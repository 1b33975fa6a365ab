"""Forecasts on one node: every node keeps histories, the one that leads forecasts once a step.

The scaling loop reads the last forecasts and never waits. The model runs in a process of its own, what else
takes long in threads: files, and lessons of a new leader.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from aether.core.metrics.aggregate import SliceLoad
from aether.core.model.ids import NodeId, SliceBase
from aether.core.scaling.forecast import Forecast
from aether.core.scaling.trust import TrustState
from aether.forecast.card import Card, ModelUnusable
from aether.forecast.history import RateHistory
from aether.forecast.process import ModelFailed
from aether.forecast.runtime import OnnxForecaster, check_model, open_forecaster, why_no_next
from aether.forecast.scoring import TAUGHT_STEPS, Rows, Shadows, Watched, scored, taught
from aether.ports import Clock
from aether.whole_files import write_whole

MOST_FILE_BYTES = 64 * 1024 * 1024
KEPT_EVERY_S = 300.0
"""How often the history is written to disk."""
_SHADOWS_A_TURN = 20
"""Slices lived through between two turns of the loop: some 4 ms of work."""

_log = structlog.get_logger()


class Loads(Protocol):
    """Who knows the load of slices; `telemetry.cluster_metrics.ClusterMetrics` does."""

    def loads(self) -> Mapping[SliceBase, SliceLoad]:
        """Return the load of every slice."""
        ...

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever there are new figures."""
        ...


def _nothing_watched() -> Mapping[SliceBase, Watched]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastGround:
    """What the service stands on."""

    node: NodeId
    leader: Callable[[], NodeId | None]
    loads: Loads
    clock: Clock
    step_s: float
    model: Path | None = None
    """Folder of model and card; None for those that come with Aether."""
    file: Path | None = None
    """Where the history is kept between two lives of the node; None: nowhere."""
    wanted: Callable[[], bool] = lambda: True
    """Whether any slice's forecasts are switched on."""
    wall: Callable[[], float] = time.time


class ForecastService:
    """Runs on every node; forecasts only while this node leads."""

    def __init__(self, ground: ForecastGround) -> None:
        self._ground = ground
        self.history = RateHistory(ground.step_s)
        self.forecaster: OnnxForecaster | None = None
        """None while this node does not lead: the model's process takes some 70 MB, half of it shared files."""
        self.card: Card | None = None
        """Of the model this node forecasts by when it leads; None where there is none that is whole."""
        self._problem = "the model has not been looked at yet"
        self.trust: dict[str, TrustState] = {}
        """By slice, while this node leads."""
        self.shadows = Shadows()
        self.watched: Callable[[], Mapping[SliceBase, Watched]] = _nothing_watched
        """Every slice as the leader's scaling looked at it last; set once that exists."""
        self._forecasts: Mapping[SliceBase, Forecast] = {}
        self._news = asyncio.Event()
        self._ended = False
        self._listens = ground.file is None
        """Whether the history of the life before has been taken over, where there may be one."""
        self._led = False
        self._taught = False
        """Whether trust was learnt from the history in this reign."""
        self._failed = False
        """Whether the model could not be read or started for now: it is tried again when a step ends."""
        self.led_since: float | None = None
        """Wall time since which this node leads and forecasts."""
        ground.loads.subscribe(self._hear)

    @property
    def step_s(self) -> float:
        """Length of a step, in seconds."""
        return self._ground.step_s

    @property
    def leads(self) -> bool:
        """Whether this node forecasts now."""
        return self._ground.leader() == self._ground.node

    @property
    def problem(self) -> str:
        """Why there are no forecasts; empty when all is well."""
        return self._problem or (self.forecaster.problem if self.forecaster else "")

    def forecasts(self) -> Mapping[SliceBase, Forecast]:
        """Return the last forecast of each slice; nothing on a node that does not lead."""
        return self._forecasts if self.leads else {}

    def age_of(self, made: Forecast) -> float:
        """Return how long ago the last step a forecast knows ended, in seconds."""
        return self._ground.clock.now() - made.made_at

    def _hear(self) -> None:
        """Note the rates of this second; short, it is called on the loop."""
        if not self._listens:
            return
        loads = self._ground.loads.loads()
        rates = ((base, load.rate) for base, load in loads.items())
        self._ended = self.history.note(self._ground.wall(), rates) or self._ended
        self._news.set()

    async def run(self) -> None:
        """Take over the history, then forecast as steps end while this node leads, until cancelled."""
        await self._restore()
        await self._check()
        kept_at = self._ground.clock.now()
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                try:
                    await self._second()
                except Exception:  # noqa: BLE001 - a bug costs a forecast, not the node, and is logged
                    _log.exception("forecasting broke off")
                if self._ground.clock.now() - kept_at >= KEPT_EVERY_S:
                    kept_at = self._ground.clock.now()
                    await self._keep()
        finally:
            self._close()
            self._write(self.history.to_bytes())

    async def _check(self) -> None:
        """Look whether there is a model that is whole; nothing is loaded."""
        self._failed = False
        try:
            checked = await check_model(self._ground.model)
        except ModelFailed as problem:
            self._failed, checked = True, why_no_next(problem)
            _log.warning("the model is looked at again later", problem=str(problem))
        except Exception as problem:  # noqa: BLE001 - a model nobody can read costs forecasts, not the node, and is logged
            _log.exception("the model cannot be looked at")
            checked = f"no forecasts, scaling is reactive only: {problem!s:.200}"
        self.card, self._problem = (None, checked) if isinstance(checked, str) else (checked, "")

    async def _second(self) -> None:
        if not self.leads:
            if self._led:
                self._forget()
            self._ended = False
            return
        missed = self.card is None and self._failed and self._ended
        if missed or not self._led:
            self._led, self._ended = True, False
            await self._check()  # again with each reign: what was wrong may have been mended
        if self.card is not None and self._ground.wanted():
            await self._foresee()
        await self._live()

    async def _foresee(self) -> None:
        """Forecast when a step has ended, and at once where this node has come to lead."""
        begins = not self._taught
        if not self._ended and (self._failed or not begins):
            return
        forecaster = self.forecaster or await self._open()
        if forecaster is None:
            self._ended = False
            return
        if begins:
            await self._learn(forecaster)
        self._taught, self._ended = True, False
        await self._forecast(forecaster)

    async def _open(self) -> OnnxForecaster | None:
        try:
            found = await open_forecaster(self._ground.model)
        except ModelFailed as problem:
            self._failed = True
            self._problem = why_no_next(problem)
            _log.warning("no forecaster before the next step", problem=str(problem))
            return None
        if isinstance(found, str):
            self.card, self._problem = None, found
            return None
        self.forecaster, self.card, self._failed, self._problem = found, found.card, False, ""
        return found

    def _forget(self) -> None:
        """Keep nothing of a reign but the history, which every node has."""
        self._led, self._taught, self._failed, self.led_since = False, False, False, None
        self._forecasts = {}
        self.trust = {}
        self.shadows = Shadows()
        if self.card is not None:
            self._problem = ""  # that no process could be started is no news where none is wanted
        self._close()

    def _close(self) -> None:
        """End the model's process."""
        if self.forecaster is not None:
            self.forecaster.close()
            self.forecaster = None

    async def _learn(self, forecaster: OnnxForecaster) -> None:
        """Make the forecasts of the last steps again, and trust as far as they were good."""
        self.led_since = self._ground.wall()
        try:
            self.trust = await self._learnt(forecaster)
        except (ModelFailed, ModelUnusable) as problem:
            _log.warning("trust in forecasts begins anew", problem=str(problem)[:200])
            self.trust = {}
        except Exception:  # noqa: BLE001 - a bug costs the trust of a reign, not its forecasts, and is logged once
            _log.exception("trust in forecasts begins anew")
            self.trust = {}

    async def _learnt(self, forecaster: OnnxForecaster) -> dict[str, TrustState]:
        """Return the trust before the newest step ended, which is for the next forecast to score.

        Steps that end while it learns are learnt after those before.
        """
        trust: dict[str, TrustState] = {}
        steps, known_to = TAUGHT_STEPS, self.history.ended_at
        while steps:
            trust = await forecaster.aside(self._lessons(forecaster, steps, trust))
            before, known_to = known_to or 0.0, self.history.ended_at
            steps = min(TAUGHT_STEPS, round(((known_to or 0.0) - before) / self.step_s))
        return trust

    def _lessons(
        self, forecaster: OnnxForecaster, steps: int, before: Mapping[str, TrustState]
    ) -> Callable[[], dict[str, TrustState]]:
        """Return what takes long: the trust in each slice after the last steps but the newest one."""
        courses = self.history.courses()

        def learn() -> dict[str, TrustState]:
            found = {}
            for base, past in courses.items():
                fewer = min(steps, len(past) - 1)
                if fewer > 0:
                    answers = forecaster.predict_past(past, fewer, self.step_s)
                    found[base] = taught(past[:-1], answers, before.get(base))
            return found

        return learn

    async def _forecast(self, forecaster: OnnxForecaster) -> None:
        """Forecast every slice from the steps that ended; score what was forecast of the last one."""
        courses = self.history.courses()
        ended_at = self.history.ended_at
        if ended_at is None:
            return
        answers = await forecaster.predict(list(courses.values()), self.step_s)
        made_at = self._ground.clock.now() - max(0.0, self._ground.wall() - ended_at)
        trust: dict[str, TrustState] = {}
        found: dict[SliceBase, Forecast] = {}
        for (base, past), rows in zip(courses.items(), answers, strict=True):
            state = scored(self.trust.get(base, TrustState()), past[-1], rows)
            trust[base] = state
            if rows is not None:
                found[SliceBase(base)] = self._made(made_at, rows, state)
        self.trust, self._forecasts = trust, found

    def _made(self, made_at: float, rows: Rows, state: TrustState) -> Forecast:
        return Forecast(
            made_at=made_at,
            step_s=self.step_s,
            quantiles=rows,
            width=state.width,
            trusted=state.trusted,
        )

    async def _live(self) -> None:
        """Have both rules live through this second of every slice that is scaled."""
        forecasts, watching = self._forecasts, self.watched()
        self.shadows.keep_only(watching.keys())
        for number, (base, watched) in enumerate(watching.items()):
            if number % _SHADOWS_A_TURN == _SHADOWS_A_TURN - 1:
                await self._ground.clock.sleep(0)
            self.shadows.live(base, watched, forecasts.get(base))

    async def _restore(self) -> None:
        """Take over the history of the life before; without one, or with a broken one, begin anew.

        Nothing is noted until then: what came meanwhile would stand where the history belongs.
        """
        file, wall_s = self._ground.file, self._ground.wall()
        if file is None:
            return
        try:
            self.history = await asyncio.to_thread(_restored, file, self.step_s, wall_s)
        except (OSError, ValueError) as problem:
            _log.warning("history of rates begins anew", problem=str(problem)[:200])
        except Exception:  # noqa: BLE001 - a history nobody can read costs forecasts, not the node, and is logged
            _log.exception("history of rates begins anew")
        self._listens = True

    async def _keep(self) -> None:
        data = self.history.to_bytes()
        await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        if self._ground.file is None:
            return
        try:
            write_whole(self._ground.file, data)
        except OSError as problem:
            _log.warning("history of rates is not kept", problem=str(problem)[:200])


def _restored(file: Path, step_s: float, wall_s: float) -> RateHistory:
    history = RateHistory(step_s)
    data = _read(file)
    if data:
        history.restore(data, wall_s)
    return history


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_FILE_BYTES)
    except FileNotFoundError:
        return b""
