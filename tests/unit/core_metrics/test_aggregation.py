import pytest

from aether.core.metrics.aggregate import Aggregate, SliceLoad, instances_of
from aether.core.metrics.aggregation import FORGET_S, FRESH_S, Aggregation
from tests.unit.core_metrics.made import instance, node_sample, slice_sample


def load(aggregate: Aggregate, base: str = "g.x:a") -> SliceLoad:
    return next(one for one in aggregate.slices if one.base == base)


def test_rates_are_of_the_time_that_was_counted() -> None:
    made = Aggregation("n-1")
    made.hear(
        node_sample("n-1", covered_s=1.2, slices=(slice_sample("g.x:a", (0.01,) * 120),)), 0.9
    )
    made.hear(node_sample("n-2", covered_s=1.0, slices=(slice_sample("g.x:a", (0.01,) * 30),)), 1.0)
    found = load(made.next(1.1))
    assert found.rate == pytest.approx(120 / 1.2 + 30)
    assert found.concurrency == pytest.approx(1.3, rel=0.01)
    assert found.in_flight == 4


def test_a_second_in_which_a_router_told_nothing_is_no_second_without_requests() -> None:
    made = Aggregation("n-1")
    made.hear(node_sample("n-1", slices=(slice_sample("g.x:a", (0.01,) * 50),)), 0.0)
    assert load(made.next(0.1)).rate == 50
    made.hear(node_sample("n-1", covered_s=0.0), 1.0)
    assert load(made.next(1.1)).rate == 50
    made.hear(
        node_sample("n-1", covered_s=2.0, slices=(slice_sample("g.x:a", (0.01,) * 100),)), 2.0
    )
    assert load(made.next(2.1)).rate == 50


def test_a_rate_nobody_told_is_not_known() -> None:
    made = Aggregation("n-1")
    made.hear(node_sample("n-1", covered_s=0.0, instances=(instance("g.x:a", 0),)), 0.0)
    assert load(made.next(0.1)).rate is None


def test_requests_count_once_and_latencies_are_of_ten_seconds() -> None:
    made = Aggregation("n-1")
    for second in range(3):
        made.hear(
            node_sample("n-1", slices=(slice_sample("g.x:a", (0.1,) * 10, errors=1),)), second
        )
        found = load(made.next(second + 0.1))
        assert found.error_share == pytest.approx(0.1)
    silent = load(made.next(3.1))  # the node said nothing since
    assert silent.p95_s == pytest.approx(0.1, rel=0.04)
    assert silent.error_share == pytest.approx(0.1)


def test_cpu_and_memory_are_means_over_instances() -> None:
    made = Aggregation("n-1")
    made.hear(node_sample("n-1", instances=(instance("g.x:a", 0, 1.0, 10),)), 0.0)
    made.hear(node_sample("n-2", instances=(instance("g.x:a", 1, 0.5, 30),)), 0.0)
    aggregate = made.next(0.1)
    found = load(aggregate)
    assert (found.instances, found.cpu, found.rss) == (2, 0.75, 20)
    assert [one.node for one in instances_of(aggregate)] == ["n-1", "n-2"]
    assert all(not one.sample.instances for one in aggregate.nodes)


def test_a_silent_node_keeps_its_age_but_carries_no_load() -> None:
    made = Aggregation("n-1")
    made.hear(node_sample("n-2", instances=(instance("g.x:a", 0),)), 0.0)
    assert load(made.next(0.5)).instances == 1
    late = made.next(FRESH_S + 0.5)
    assert [(one.sample.node, one.age_s) for one in late.nodes] == [("n-2", FRESH_S + 0.5)]
    assert not late.slices
    assert not made.next(FORGET_S + 0.5).nodes


def test_another_life_of_a_node_begins_anew() -> None:
    made = Aggregation("n-1")
    made.hear(node_sample("n-1", slices=(slice_sample("g.x:a", (0.01,) * 100),)), 0.0)
    made.next(0.1)
    made.hear(node_sample("n-1", incarnation="life-2", covered_s=0.0), 1.0)
    assert load(made.next(1.1)).rate is None


def test_a_new_leader_knows_the_nodes_and_waits_for_them() -> None:
    before = Aggregation("n-1")
    for node in ("n-1", "n-2", "n-3"):
        before.hear(node_sample(node), 0.0)
    made = Aggregation("n-2")
    made.seed(before.next(0.2), 0.5, 100.0)
    assert made.awaited(100.0) == ["n-1", "n-2", "n-3"]
    made.hear(node_sample("n-2"), 100.1)
    made.hear(node_sample("n-3"), 100.2)
    assert made.awaited(100.3) == ["n-1"]
    assert [one.sample.node for one in made.next(100.4).nodes] == ["n-1", "n-2", "n-3"]


def test_slices_without_instances_and_requests_are_forgotten() -> None:
    made = Aggregation("n-1")
    made.hear(node_sample("n-1", slices=(slice_sample("g.x:a", (0.01,)),)), 0.0)
    made.next(0.1)
    found = []
    for second in range(1, 12):
        made.hear(node_sample("n-1"), second)
        found.append(len(made.next(second + 0.1).slices))
    assert found == [1] * 9 + [0, 0]


def test_aggregates_are_numbered() -> None:
    made = Aggregation("n-1")
    assert [(one.leader, one.number) for one in (made.next(0.0), made.next(1.0))] == [
        ("n-1", 1),
        ("n-1", 2),
    ]


def told(made: Aggregation, node: str, requests: int, at: float) -> None:
    made.hear(node_sample(node, slices=(slice_sample("g.x:a", (0.01,) * requests),)), at)


def test_a_load_of_which_a_node_tells_nothing_is_partial() -> None:
    made = Aggregation("n-1")
    told(made, "n-1", 50, 0.0)
    told(made, "n-2", 50, 0.0)
    whole = load(made.next(0.1))
    assert (whole.rate, whole.partial) == (100, False)
    told(made, "n-1", 50, FRESH_S + 0.5)
    late = load(made.next(FRESH_S + 0.6))
    assert (late.rate, late.partial) == (50, True)
    told(made, "n-1", 50, FORGET_S + 1.0)
    assert not load(made.next(FORGET_S + 1.1)).partial  # it is no node any more


def test_a_node_that_never_counted_requests_makes_nothing_partial() -> None:
    made = Aggregation("n-1")
    told(made, "n-1", 50, 0.0)
    made.hear(node_sample("n-2", covered_s=0.0), 0.0)
    assert not load(made.next(0.1)).partial


def test_routers_that_stop_telling_make_a_load_partial() -> None:
    made = Aggregation("n-1")
    for second in range(6):
        told(made, "n-1", 50, float(second))
        if second == 0:
            told(made, "n-2", 50, 0.0)
        else:
            made.hear(node_sample("n-2", covered_s=0.0), float(second))
        made.next(second + 0.1)
    found = load(made.next(5.2))
    assert (found.rate, found.partial) == (50, True)


def test_what_another_leader_told_of_a_node_is_no_load() -> None:
    before = Aggregation("n-2")
    told(before, "n-1", 50, 0.0)
    told(before, "n-2", 50, 0.0)
    made = Aggregation("n-1")
    made.seed(before.next(0.1), 0.5, 1.0)
    told(made, "n-1", 50, 1.1)
    found = load(made.next(1.2))
    assert (found.rate, found.partial) == (50, True)
    told(made, "n-2", 50, 2.0)
    told(made, "n-1", 50, 2.1)
    assert not load(made.next(2.2)).partial
