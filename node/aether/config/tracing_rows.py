"""Settings of tracing, changed while the cluster runs, and what they make."""

from collections.abc import Callable
from typing import Any

from aether.core.control.overrides import Setting
from aether.core.tracing.sampling import TracingSettings

SAMPLE = "tracing.sample"
SLOW = "tracing.slow_s"
_DEFAULTS = TracingSettings()

TRACING: tuple[Setting, ...] = (
    Setting(
        name=SAMPLE, kind="number", scopes=("cluster", "node"), default=_DEFAULTS.sample,
        low=0, high=1,
        meaning="share of requests whose trace is recorded whatever becomes of them",
    ),
    Setting(
        name=SLOW, kind="seconds", scopes=("cluster", "node"), default=_DEFAULTS.slow_s, unit="s",
        low=0, high=3600,
        meaning="requests that take so long are kept as traces though not sampled; "
        "0: those that are slow by `invocations.slow_*`",
    ),
)  # fmt: skip


def tracing_settings(value_of: Callable[[str], Any]) -> TracingSettings:
    """Return what is in force; `value_of` returns a setting's value by its name."""
    return TracingSettings(float(value_of(SAMPLE)), float(value_of(SLOW)))
