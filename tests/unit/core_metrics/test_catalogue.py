from aether.core.metrics.aggregate import Aggregate, NodeFigures, SliceLoad
from aether.core.metrics.catalogue import CATALOGUE
from aether.core.metrics.values import values_of
from tests.unit.core_metrics.made import node_sample

UNITS = {"s", "bytes", "1/s", "bytes/s", "s/s", "share", "cores", "requests", "instances", "nodes", "voters", "ratio"}  # fmt: skip


def test_every_row_says_what_it_is() -> None:
    for name, metric in CATALOGUE.items():
        assert metric.name == name
        assert name.startswith((f"{metric.about}.", "forecast."))
        assert metric.help


def test_what_is_counted_by_time_is_a_rate_and_nothing_kept_is_a_counter() -> None:
    for metric in CATALOGUE.values():
        if metric.about in ("node", "slice"):
            assert metric.unit in UNITS, metric
            assert metric.kind != "counter", "a window of a counter means nothing: keep its rate"
            assert (metric.kind == "rate") == metric.unit.endswith("/s"), metric


def test_all_metrics_of_nodes_and_slices_are_measured_and_none_else() -> None:
    load = SliceLoad("g.x:a", 0, 1.0, 1, 1, 0, 0.1, 0.2, 0.3, 0.5, 9, 1, 0)
    whole = Aggregate("n-1", 1, (NodeFigures(0.1, 2, node_sample("n-1")),), (load,))
    measured = {name for name, _, _ in values_of(whole)}
    assert measured <= set(CATALOGUE)
    listed = {
        name
        for name, metric in CATALOGUE.items()
        if metric.about in ("node", "slice") and not name.startswith("forecast.")
    }
    assert listed <= measured
