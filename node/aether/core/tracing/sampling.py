"""Which traces are recorded: a share of them, decided by the trace's id.

The decision is made once, where a request comes in, and travels in the flags of `traceparent`. It
goes by the last 56 bits of the id, which W3C Trace Context (level 2) asks to be random, so that all
who decide about one trace decide the same.
"""

from dataclasses import dataclass

DEFAULT_SAMPLE = 0.01

_RANDOM_DIGITS = 14
_RANDOM_IDS = 16**_RANDOM_DIGITS


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """What is recorded; changed at run time by `tracing.sample` and `tracing.slow_s`."""

    sample: float = DEFAULT_SAMPLE
    """Share of traces that are recorded whatever becomes of them, 0 to 1."""
    slow_s: float = 0.0
    """From how many seconds on a request is kept; 0: when it is a slow call by the rule for those."""

    def __post_init__(self) -> None:
        """Refuse what is no share or no time."""
        if not 0.0 <= self.sample <= 1.0:
            raise ValueError(f"sample={self.sample} is not from 0 to 1")
        if not 0.0 <= self.slow_s < float("inf"):
            raise ValueError(f"slow_s={self.slow_s} is not 0 or more seconds")


def bound_of(sample: float) -> bytes:
    """Return what `is_below` compares ids with, for a share from 0 to 1."""
    number = round(sample * _RANDOM_IDS)
    # One more than the largest id has a digit more: 0xf… in front sorts behind every id.
    return b"g" if number >= _RANDOM_IDS else b"%014x" % number


def is_below(trace_id: bytes, bound: bytes) -> bool:
    """Whether a trace belongs to the share `bound` stands for; `trace_id` is its 32 digits."""
    return trace_id[-_RANDOM_DIGITS:] < bound
