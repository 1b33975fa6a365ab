from aether.core.metrics.aggregate import Aggregate, NodeFigures, SliceLoad, groups_of
from aether.core.metrics.catalogue import CATALOGUE
from aether.core.metrics.values import column_of, instance_blocks, values_of
from tests.unit.core_metrics.made import instance, node_sample

LOAD = SliceLoad("g.x:a", 0, None, 3, 1.5, 0.25, None, None, None, None, None, 0, 0.0)


def test_shares_are_told_as_shares() -> None:
    told = {name: value for name, _, value in values_of(_of(NodeFigures(0, 2, node_sample("n"))))}
    assert told["node.memory"] == 0.75
    assert told["node.disk"] == 0.25
    assert told["node.fds"] == 0.05
    assert told["node.instances"] == 2
    assert told["cluster.nodes"] == 1


def test_what_has_no_whole_is_left_out() -> None:
    bare = node_sample("n", disk_total=0, fds_most=0)
    told = {name for name, _, _ in values_of(_of(NodeFigures(0, 2, bare)))}
    assert not told & {"node.disk", "node.fds"}


def test_a_silent_node_has_an_age_and_nothing_else() -> None:
    told = list(values_of(_of(NodeFigures(4.5, 2, node_sample("n")))))
    assert told == [("node.age", "n", 4.5), ("cluster.nodes", "", 0.0)]


def test_what_is_not_known_of_a_slice_is_left_out() -> None:
    told = {name: value for name, _, value in values_of(Aggregate("n", 1, (), (LOAD,)))}
    assert "slice.rate" not in told
    assert "slice.p95" not in told
    assert told["slice.error_share"] == 0.25
    assert "cluster.rate" not in told


def test_instances_are_told_by_name() -> None:
    sample = node_sample("n", instances=(instance("g.x:a", 3, cpu=0.25, rss=77),))
    whole = Aggregate("n", 1, (NodeFigures(0, 1, node_sample("n")),), (), groups_of([sample]))
    ((metrics, subject, figures),) = instance_blocks(whole)
    assert subject == "g.x:a:1.0.0/3"
    told = dict(zip(metrics, figures, strict=True))
    assert told == {
        "instance.cpu": 0.25,
        "instance.rss": 77.0,
        "instance.in_flight": 1.0,
        "instance.threads": 4.0,
        "instance.fds": 9.0,
    }
    assert {metric: dict(column_of(whole, metric))[subject] for metric in metrics} == told


def test_a_metric_alone_is_told_as_among_all() -> None:
    whole = Aggregate(
        "n", 1, (NodeFigures(0, 2, node_sample("n")), NodeFigures(9, 1, node_sample("o"))), (LOAD,)
    )
    every = list(values_of(whole))
    for metric in (*CATALOGUE, "nobody.knows"):
        assert list(column_of(whole, metric)) == [
            (subject, value) for name, subject, value in every if name == metric
        ]


def _of(figures: NodeFigures) -> Aggregate:
    return Aggregate("n", 1, (figures,))
