"""`[forecast]`: the model a node forecasts traffic by, and the length of its steps."""

from collections.abc import Iterator
from dataclasses import dataclass

SHORTEST_STEP_S = 1.0
LONGEST_STEP_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastConfig:
    """`[forecast]`: forecasts of traffic; what they may do is the setting `scaling.forecast`."""

    model: str = ""
    """Folder of a model of one's own, `forecaster.onnx` and `card.json`; empty: the one Aether comes with.

    One that is missing or damaged is no reason not to start: `forecast status` says so.
    """
    step_s: float = 60.0
    """Length of a step, in seconds, the same on every node; 10 suits slices that start within 15 s."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        if not SHORTEST_STEP_S <= self.step_s <= LONGEST_STEP_S:
            yield (
                "step_s",
                f"{self.step_s:g} s is not within {SHORTEST_STEP_S:g} and {LONGEST_STEP_S:g} s",
            )
