"""A seed draws the same cluster every time, and seeds differ."""

from aether_forge.sim.control.settings import draw


def test_a_seed_is_a_cluster() -> None:
    assert draw(7) == draw(7)
    assert draw(7, 5).nodes == 5
    assert draw(7, 5).quorum == draw(7).quorum


def test_seeds_draw_every_size_and_weather() -> None:
    drawn = [draw(seed) for seed in range(100)]
    assert {one.nodes for one in drawn} == {3, 4, 5}
    assert {one.zones for one in drawn} == {1, 2, 3}
    assert any(one.quorum.loses_answer for one in drawn)
    assert any(one.hosts.hangs for one in drawn)
    assert any(one.capacity < 10 for one in drawn)
