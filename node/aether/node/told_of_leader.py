"""What the leader's scaling and forecasts tell, in the words of the exposition."""

from aether.control.scaling import ScalingLoop
from aether.core.scaling.forecast import Forecast
from aether.core.scaling.trust import TrustState
from aether.forecast.service import ForecastService
from aether.telemetry.exposition.forecasts import ForecastSeen, Foreseen
from aether.telemetry.exposition.scaling import Scaled, ScalingSeen


def scaling_seen(loop: ScalingLoop) -> ScalingSeen:
    """Return what the rules see and want of each slice they may scale."""
    slices = [
        Scaled(
            slice=str(base),
            wanted=one.decision.wanted,
            utilisation=one.looked.seen.utilisation,
            capacity=one.decision.asked.capacity,
            held=bool(one.looked.bounds.held),
        )
        for base, one in sorted(loop.judged.items())
    ]
    return ScalingSeen(slices=slices, decisions=loop.decisions.next_number - 1)


def forecast_seen(service: ForecastService) -> ForecastSeen:
    """Return what is foreseen of each slice, and what became of the batches."""
    made = {str(name): one for name, one in service.forecasts().items()}
    done = None if service.forecaster is None else service.forecaster.counts
    return ForecastSeen(
        ready=not service.problem,
        slices=[
            _foreseen(service, base, state, made.get(base))
            for base, state in sorted(service.trust.items())
        ],
        batches=()
        if done is None
        else (("made", done.batches), ("late", done.late), ("failed", done.failed)),
        last_s=0.0 if done is None else done.last_s,
    )


def _foreseen(
    service: ForecastService, base: str, state: TrustState, made: Forecast | None
) -> Foreseen:
    last = made.quantiles[-1] if made is not None and made.quantiles else None
    return Foreseen(
        slice=base,
        trusted=state.trusted,
        error=state.ratio,
        coverage=state.coverage if state.scored else None,
        age_s=None if made is None else service.age_of(made),
        p50=None if last is None else last[1],
        p90=None if last is None else last[2],
    )
