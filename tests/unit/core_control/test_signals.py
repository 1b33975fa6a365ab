"""Measures and settings of the leader."""

from aether.core.control.signals import ControlSettings, Signals
from tests.worlds import SHOP, placed

WHERE = placed("n1", f"{SHOP}:1.0.0/0")


def test_an_instance_never_seen_before_has_been_so_for_no_time() -> None:
    signals = Signals(reign_began=0.0, since={WHERE: 3.0})
    assert signals.in_state_for(WHERE, 10.0) == 7.0
    assert signals.in_state_for(placed("n2", f"{SHOP}:1.0.0/0"), 10.0) == 0.0


def test_calm_is_infinitely_far_until_it_is_noted() -> None:
    assert Signals(reign_began=0.0).calm_since == float("inf")


def test_back_off_doubles_from_one_second_to_thirty() -> None:
    settings = ControlSettings()
    assert [settings.backoff_s(attempt) for attempt in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_back_off_has_a_longest_wait_however_often_an_instance_has_failed() -> None:
    slow = ControlSettings(backoff_first_s=0.1, backoff_most_s=3600.0)
    assert [slow.backoff_s(attempt) for attempt in (16, 1024, 10**9)] == [3600.0] * 3
