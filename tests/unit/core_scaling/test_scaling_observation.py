"""Observations: an unknown figure is None and stays apart from 0."""

import pytest

from aether.core.scaling.observation import Observation


def test_figures_nobody_measured_are_unknown() -> None:
    seen = Observation(at=1.0, ready=2, starting=0, target=2, rate=None)
    unknown = (seen.in_flight, seen.utilisation, seen.p95_s, seen.error_share, seen.capacity_rps)
    assert unknown == (None, None, None, None, None)
    assert seen.queue == 0.0


def test_an_observation_is_a_value() -> None:
    seen = Observation(at=1.0, ready=2, starting=0, target=2, rate=3.0)
    with pytest.raises(AttributeError):
        seen.rate = 4.0  # type: ignore[misc] # that it cannot be done is the test
    assert seen == Observation(at=1.0, ready=2, starting=0, target=2, rate=3.0)
