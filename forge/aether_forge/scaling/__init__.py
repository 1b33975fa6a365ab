"""The product's scaling rules and forecaster as controllers for an outside simulator of autoscaled pools.

Each factory takes `(cfg, step_s, history)` and returns an object with `decide(view) -> int`:

- `make`: as shipped, forecasts allowed to act in full;
- `make_reactive`: without forecasts;
- `make_garbage`, `make_stuck`, `make_low`: with forecasters that are broken on purpose, which trust must catch.
"""

from aether_forge.scaling.factories import (
    make,
    make_garbage,
    make_low,
    make_reactive,
    make_stuck,
)

__all__ = ["make", "make_garbage", "make_low", "make_reactive", "make_stuck"]
