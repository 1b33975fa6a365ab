"""Writes applied to a copy of the view."""

from dataclasses import replace

import pytest

from aether.core.control.rehearsal_changes import with_changes
from aether.core.model import keys
from aether.core.model.records import (
    ConfigRecord,
    RouteRecord,
    TopologyRecord,
    Verdict,
    VerdictRecord,
    encode,
)
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, DeletePrefix, Operation, Put
from tests.worlds import (
    APP,
    SHOP,
    fact,
    nodes,
    placed,
    spec,
    target,
    wish,
    with_artifact,
    with_blueprint,
    with_instance,
)

SHOP_1 = f"{SHOP}:1.0.0"


def world() -> ClusterView:
    view = with_blueprint(with_artifact(nodes("n1", "n2"), SHOP_1), spec(SHOP_1))
    view = with_instance(view, "n1", f"{SHOP_1}/0", wish(), fact())
    view = with_instance(view, "n2", f"{SHOP_1}/1", wish(), fact())
    route = RouteRecord(slice=SHOP, timeout_s=5.0, body_limit=10)
    return replace(view, targets={SHOP: target()}, routes={("GET", "/shop"): route})


def test_a_put_adds_or_replaces_one_record_and_leaves_revisions() -> None:
    view = world()
    gone = VerdictRecord(verdict=Verdict.LOST, incarnation="life-1")
    after = with_changes(
        view,
        [
            Put(keys.verdict(view_node := next(iter(view.nodes))), encode(gone)),
            Put(keys.target(SHOP), encode(target(instances=7))),
            Put(keys.TOPOLOGY, encode(TopologyRecord(nodes=3, max_nodes=5))),
            Put(keys.config("cluster", "x"), encode(ConfigRecord(value=1))),
        ],
    )
    assert after.verdicts == {**view.verdicts, view_node: gone}
    assert after.targets[SHOP].instances == 7
    assert after.topology == TopologyRecord(nodes=3, max_nodes=5)
    assert after.config == {("cluster", "x"): ConfigRecord(value=1)}
    assert (after.revision, after.revisions) == (view.revision, view.revisions)
    assert view == world()


@pytest.mark.parametrize(
    ("change", "table", "left"),
    [
        (Delete(keys.blueprint(APP)), "blueprints", []),
        (Delete(keys.target(SHOP)), "targets", []),
        (Delete(keys.route("GET", "/shop")), "routes", []),
        (Delete(keys.node(placed("n1", f"{SHOP_1}/0")[0])), "nodes", ["n2"]),
        (DeletePrefix("wanted/n1/"), "wanted", [placed("n2", f"{SHOP_1}/1")]),
        (Delete(keys.phase(*placed("n2", f"{SHOP_1}/1"))), "phases", [placed("n1", f"{SHOP_1}/0")]),
    ],
)
def test_deletes_take_what_they_name(change: Operation, table: str, left: list[object]) -> None:
    after = with_changes(world(), [change])
    assert list(getattr(after, table)) == left
    same = replace(after, **{table: getattr(world(), table)})
    assert same == world()


def test_keys_outside_the_view_make_no_difference() -> None:
    changes: list[Operation] = [
        Put("app/org.example:shop/x", b"1"),
        Put(keys.generation(APP, 3), b"{}"),
        Delete("app/org.example:shop/x"),
        DeletePrefix("app/"),
        Delete(keys.TOPOLOGY),
    ]
    assert with_changes(world(), changes) == world()


def test_a_record_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match=r"target/org\.example:shop: not a TargetRecord"):
        with_changes(world(), [Put(keys.target(SHOP), b"{}")])
