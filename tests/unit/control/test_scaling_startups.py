"""How long instances take to serve, as the leader sees it."""

from aether.control.scaling_startups import MOST_KEPT, Startups
from aether.core.model.lifecycle import Desired
from aether.core.model.view import ClusterView
from tests.scaling_world import running
from tests.worlds import SHOP, fact, wish, with_instance

NEW = f"{SHOP}:1.0.0/7"


def asked(view: ClusterView, attempt: int = 0) -> ClusterView:
    return with_instance(view, "n1", NEW, wish(Desired.LOAD, attempt=attempt), None)


def serving(view: ClusterView) -> ClusterView:
    return with_instance(view, "n1", NEW, wish(), fact())


def note(startups: Startups, view: ClusterView, now: float) -> None:
    startups.note(view.slices()[SHOP], now)


def test_from_the_look_before_it_was_asked_for_until_it_serves() -> None:
    startups = Startups()
    note(startups, running(2), 10.0)
    assert startups.p90_s(SHOP) is None
    note(startups, asked(running(2)), 11.0)
    note(startups, asked(running(2)), 12.0)
    note(startups, serving(running(2)), 14.0)
    assert startups.p90_s(SHOP) == 4.0


def test_one_that_serves_at_once_took_no_longer_than_the_looks_are_apart() -> None:
    startups = Startups()
    note(startups, running(2), 10.0)
    note(startups, serving(running(2)), 11.0)
    assert startups.p90_s(SHOP) == 1.0


def test_what_was_there_before_and_what_failed_tells_nothing() -> None:
    startups = Startups()
    note(startups, asked(running(2)), 10.0)
    note(startups, serving(running(2)), 90.0)
    assert startups.p90_s(SHOP) is None
    startups = Startups()
    note(startups, running(2), 10.0)
    note(startups, asked(running(2), attempt=1), 11.0)
    note(startups, serving(running(2)), 40.0)
    assert startups.p90_s(SHOP) is None


def test_the_last_ones_count_and_other_slices_are_forgotten() -> None:
    startups, now = Startups(), 0.0
    for took in [50.0] * 3 + [2.0] * MOST_KEPT:
        note(startups, running(2), now)
        note(startups, asked(running(2)), now)
        note(startups, serving(running(2)), now + took)
        now += 100.0
    assert startups.p90_s(SHOP) == 2.0
    startups.keep_only(set())
    assert startups.p90_s(SHOP) is None
