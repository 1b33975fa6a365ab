"""The benchmark's cluster behaves, and its arithmetic is right."""

import pytest

from aether.core.model.view import project
from tests.bench.control import parse_size, story_numbers
from tests.bench.control.growth import exponent, settled
from tests.bench.control.worlds import Size


def test_the_exponent_of_a_power_law_is_found() -> None:
    assert exponent({n: 0.5 * n**1.25 for n in (10, 100, 1000)}) == pytest.approx(1.25)


def test_a_cluster_that_has_settled_serves_everything() -> None:
    leader = settled(Size(4, 40))
    assert sum(map(len, leader.view.active_by_slice().values())) == 40
    assert leader.view == project(leader.cluster.entries(), leader.cluster.revision)


def test_every_story_comes_to_its_end() -> None:
    numbers = list(story_numbers(parse_size("4x40")))
    cases = {case for case, *_ in numbers}
    assert {"cold/4x40", "draining/4x40", "losing a node/4x40", "updating/4x40"} <= cases
    assert all(value > 0 for _, metric, value, _ in numbers if metric == "p50")
