"""What the model is given and what it answers, in numbers; training and run time share them."""

FINE = 120
"""Newest step means, one by one."""
COARSE = 48
"""Means of `COARSE_STEPS` steps that end with the newest step: eight hours at a step of a minute."""
COARSE_STEPS = 10
DAY_BEFORE = 16
"""Steps of yesterday before the time of day that is forecast first."""
DAY_AFTER = 32
DAY = DAY_BEFORE + DAY_AFTER
DAY_S = 86_400
HORIZON = 15
"""Steps forecast."""
QUANTILES = (0.1, 0.5, 0.9, 0.98)
"""Of each step forecast, in the order of the model's output."""
LEAST_HISTORY = 30
"""Steps a history must have; below that nothing is forecast."""
KEPT_S = 26 * 3600
"""History worth keeping, in seconds: a day, the steps before it, and some that may be missing."""
INPUTS = {
    "fine": FINE,
    "coarse": COARSE,
    "day": DAY,
    "fine_ok": FINE,
    "coarse_ok": COARSE,
    "day_ok": 1,
}
"""The model's inputs, each float32 of shape [batch, this many], and their order."""
OUTPUT = "quantiles"
"""The model's output, float32 [batch, HORIZON, len(QUANTILES)], in the units of the input."""


def day_steps(step_s: float) -> int:
    """Return how many steps ago it was the same time of day; 0 where steps do not fit a day."""
    steps = round(DAY_S / step_s)
    return steps if steps > DAY_AFTER else 0
