"""The view is built from keys and bytes, and survives what it cannot read."""

from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.records import RouteRecord, encode
from aether.core.model.view import project
from tests.worlds import SHOP, fact, node_record, wish

N1, I0 = NodeId("n1"), InstanceId(f"{SHOP}:1.0.0/0")


def test_records_land_under_their_keys_with_their_revisions() -> None:
    route = RouteRecord(slice=SHOP, timeout_s=1.0, body_limit=1)
    view = project(
        [
            (keys.node(N1), encode(node_record("n1")), 3),
            (keys.wanted(N1, I0), encode(wish()), 4),
            (keys.phase(N1, I0), encode(fact()), 5),
            (keys.route("GET", "/a b"), encode(route), 6),
            ("app/x:y/z", b"\x00", 7),
        ],
        revision=9,
    )
    assert view.revision == 9
    assert view.wanted == {(N1, I0): wish()}
    assert view.routes == {("GET", "/a b"): route}
    assert view.revisions[keys.phase(N1, I0)] == 5
    assert "app/x:y/z" not in view.revisions
    assert view.active_by_slice() == {SHOP: ((N1, I0),)}


def test_one_bad_record_does_not_stop_the_rest() -> None:
    view = project(
        [
            (keys.node(N1), b"{", 1),
            ("wanted/n1", encode(wish()), 2),
            (keys.wanted(N1, I0), encode(wish()), 3),
        ],
        revision=3,
    )
    assert set(view.unreadable) == {"node/n1", "wanted/n1"}
    assert view.wanted


def test_a_fact_of_an_earlier_life_does_not_serve() -> None:
    view = project(
        [
            (keys.node(N1), encode(node_record("n1", "life-2")), 1),
            (keys.phase(N1, I0), encode(fact()), 2),
        ],
        revision=2,
    )
    assert not view.is_active((N1, I0))
