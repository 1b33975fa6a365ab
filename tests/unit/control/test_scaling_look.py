"""What the rules are shown: utilisation, arrivals, room and figures that are too old."""

from dataclasses import replace

import msgspec
import pytest

from aether.control.scaling_look import (
    PARTIAL,
    WSGI_THREADS,
    Rooms,
    Standing,
    arrivals,
    look_at,
    places_of,
    queue_of,
    utilisation_of,
)
from aether.core.metrics.aggregate import SliceLoad
from aether.core.model.ids import Artifact
from aether.core.model.lifecycle import Desired
from aether.core.model.records import Placement
from aether.core.model.view import ClusterView
from aether.core.scaling.bounds import Bounds
from aether.host.wsgi.threads import DEFAULT_THREADS
from tests.scaling_world import load, running, scaled
from tests.worlds import SHOP, nodes, target, wish, with_artifact, with_instance


def test_the_worked_example() -> None:
    assert utilisation_of(load(concurrency=18.0, cpu=0.4), 3, 10) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("measured", "ready", "places", "expected"),
    [
        (None, 2, 10, None),
        (load(), 0, 10, None),
        (load(cpu=None), 2, 0, None),
        (load(cpu=0.5), 2, 0, 0.5),
        (load(concurrency=90.0, cpu=0.1), 2, 10, 1.0),
        (load(concurrency=2.0, cpu=0.7), 2, 10, 0.7),
    ],
)
def test_utilisation(measured: object, ready: int, places: int, expected: float | None) -> None:
    assert utilisation_of(measured, ready, places) == expected  # type: ignore[arg-type] # a load or None


def test_partial_figures_and_an_instance_that_fails_keep_what_there_is() -> None:
    def bounds(view: ClusterView, measured: SliceLoad) -> Bounds:
        one = view.slices()[SHOP]
        return look_at(view, one, measured, Rooms(view), Standing(), 100.0).bounds

    assert bounds(running(4), load()).keep == ""
    assert bounds(running(4), msgspec.structs.replace(load(), partial=True)).keep == PARTIAL
    broken = with_instance(running(4), "n1", f"{SHOP}:1.0.0/9", wish(Desired.LOAD, attempt=1), None)
    assert "1 of its 5 instances fail to start" in bounds(broken, load()).keep
    assert bounds(broken, load()).held == ""


def test_requests_that_wait_are_those_beyond_the_places() -> None:
    assert queue_of(load(in_flight=25), 2, 10) == 5
    assert queue_of(load(in_flight=15), 2, 10) == 0
    assert queue_of(load(in_flight=500), 2, 0) == 0
    assert queue_of(None, 2, 10) == 0


def test_what_comes_is_what_is_answered_and_what_piles_up() -> None:
    assert arrivals(load(80.0, in_flight=122), (99.0, 10), 100.0) == 192
    assert arrivals(load(80.0, in_flight=0), (99.0, 100), 100.0) == 0
    assert arrivals(load(80.0, in_flight=122), None, 100.0) == 80
    assert arrivals(load(80.0, in_flight=122), (99.9, 10), 100.0) == 80
    assert arrivals(load(80.0, in_flight=122), (10.0, 10), 100.0) == 80
    assert arrivals(load(None), (99.0, 10), 100.0) is None
    assert arrivals(None, (99.0, 10), 100.0) is None


def test_threads_of_a_wsgi_application_are_its_places() -> None:
    view = with_artifact(nodes("n1"), f"{SHOP}:1.0.0")
    artifact = Artifact(f"{SHOP}:1.0.0")
    record = view.artifacts[artifact]
    for kind, threads, places in (("wsgi", 4, 4), ("wsgi", 0, WSGI_THREADS), ("asgi", 0, 0)):
        manifest = replace(record.manifest, kind=kind, threads=threads)  # type: ignore[arg-type] # kinds there are
        seen = replace(view, artifacts={artifact: replace(record, manifest=manifest)})
        assert places_of(seen, target(), SHOP) == places
    assert places_of(view, replace(target(), concurrency=5), SHOP) == 5
    assert WSGI_THREADS == DEFAULT_THREADS


def test_room_is_what_is_there_and_what_the_nodes_with_the_labels_can_take() -> None:
    view = running(3, view=nodes("n1", "n2", capacity=5))
    assert Rooms(view).free == {"n1": 3, "n2": 4}
    looked = look_at(view, view.slices()[SHOP], load(), Rooms(view), Standing(), 1.0)
    assert looked.bounds.room == 10
    bound = replace(scaled(3), placement=Placement(require={"disk": "ssd"}))
    assert Rooms(view).for_more(bound) == 0


def test_old_figures_are_no_figures() -> None:
    view = running(2)
    one, rooms = view.slices()[SHOP], Rooms(view)
    old = look_at(view, one, load(age_s=4.0), rooms, Standing(), 1.0).seen
    assert (old.rate, old.utilisation, old.in_flight) == (None, None, None)
    fresh = look_at(view, one, load(age_s=2.0), rooms, Standing(startup_s=3.0), 1.0).seen
    assert (fresh.rate, fresh.startup_s, fresh.capacity_rps) == (100.0, 3.0, 100.0)


def test_a_slice_that_is_not_scaled_is_no_question() -> None:
    view = running(2, target(instances=2))
    with pytest.raises(ValueError, match="not scaled"):
        look_at(view, view.slices()[SHOP], load(), Rooms(view), Standing(), 1.0)
