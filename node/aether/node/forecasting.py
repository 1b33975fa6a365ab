"""The node's forecasts put together: the service, what it says of itself, and its numbers as metrics."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aether.config.node import NodeConfig
from aether.config.scaling_rows import FORECAST
from aether.config.scaling_settings import for_slice
from aether.control.scaling import Judged, ScalingLoop
from aether.core.model.ids import SliceBase
from aether.core.model.view import ClusterView
from aether.core.scaling.controller import History
from aether.core.scaling.forecast import Mode
from aether.core.scaling.trust import TrustState
from aether.forecast.runtime import OnnxForecaster
from aether.forecast.scoring import Watched
from aether.forecast.service import ForecastGround, ForecastService
from aether.forecast.telling import ForecastDesk
from aether.ports import Clock, Store
from aether.tasks import Tasks
from aether.telemetry.cluster_metrics import ClusterMetrics, Source

FILE = "forecast/history"
"""Where the history of rates is kept, below the data directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasting:
    """What one node has of forecasting; it forecasts only while the node leads."""

    service: ForecastService
    desk: ForecastDesk

    def past(self, base: SliceBase) -> History | None:
        """Return what every node knows of a slice's past; None when nothing is."""
        history = self.service.history
        rates = history.course(base)
        return History(rates, history.step_s) if rates else None

    def watch(self, loop: ScalingLoop) -> None:
        """Have both rules live through what the leader's scaling looks at."""

        def watched() -> Mapping[SliceBase, Watched]:
            return {
                base: with_capacity(one)
                for base, one in loop.judged.items()
                if one.looked.settings.mode is not Mode.OFF
            }

        self.service.watched = watched

    def provide(self, metrics: ClusterMetrics) -> None:
        """Have the leader keep the courses of its forecasts' numbers."""
        for name, source in sources_of(self.service).items():
            metrics.provide(name, source)

    def start(self, tasks: Tasks) -> None:
        """Have `tasks` run it, until it is stopped."""
        tasks.start("forecasts", self.service.run())


def with_capacity(one: Judged) -> Watched:
    """Return a slice as it was looked at, with the capacity of an instance that was measured.

    Where the blueprint states none, both rules are compared at what the decision went by.
    """
    looked, measured = one.looked, one.decision.asked.capacity
    if looked.seen.capacity_rps or not measured:
        return looked
    return replace(looked, seen=replace(looked.seen, capacity_rps=measured))


def sources_of(service: ForecastService) -> Mapping[str, Source]:
    """Return what tells each metric of forecasts; nothing is told on a node that does not lead."""

    def ages() -> Iterable[tuple[str, float]]:
        return [(base, service.age_of(made)) for base, made in service.forecasts().items()]

    def trusted() -> float:
        return float(sum(made.trusted for made in service.forecasts().values()))

    return {
        "forecast.error": _of_slices(service, lambda state: state.ratio),
        "forecast.coverage": _of_slices(service, lambda state: state.coverage),
        "forecast.width": _of_slices(service, lambda state: state.width),
        "forecast.age": ages,
        "forecast.slices": _of_all(service, lambda _: float(len(service.forecasts()))),
        "forecast.trusted": _of_all(service, lambda _: trusted()),
        "forecast.time": _of_all(service, lambda forecaster: forecaster.counts.last_s),
        "forecast.cpu": _of_all(service, lambda forecaster: forecaster.counts.last_cpu_s),
    }


def _of_slices(service: ForecastService, read: Callable[[TrustState], float | None]) -> Source:
    def source() -> Iterable[tuple[str, float]]:
        for base, state in service.trust.items():
            value = read(state) if state.scored else None
            if value is not None:
                yield base, value

    return source


def _of_all(service: ForecastService, read: Callable[[OnnxForecaster], float]) -> Source:
    def source() -> Iterable[tuple[str, float]]:
        if service.leads and service.forecaster is not None:
            yield "", read(service.forecaster)

    return source


def forecasting_of(
    config: NodeConfig,
    data_dir: Path,
    store: Store,
    metrics: ClusterMetrics,
    view: Callable[[], ClusterView],
    clock: Clock,
) -> Forecasting:
    """Build the forecasting of one life of a node."""

    def wanted() -> bool:
        seen = view()
        return any(for_slice(seen, base, FORECAST).value != Mode.OFF for base in seen.targets)

    service = ForecastService(
        ForecastGround(
            node=config.node_id,
            leader=lambda: store.leader,
            loads=metrics,
            clock=clock,
            step_s=config.forecast.step_s,
            model=Path(config.forecast.model) if config.forecast.model else None,
            file=data_dir / FILE,
            wanted=wanted,
        )
    )
    found = Forecasting(service=service, desk=ForecastDesk(service))
    found.provide(metrics)
    return found
