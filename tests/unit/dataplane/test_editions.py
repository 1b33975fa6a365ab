"""What routers are told, and that each of it is checked and packed once."""

from dataclasses import replace

import pytest

from aether.core.dataplane.fingerprint import fingerprint
from aether.core.dataplane.table import Endpoint, RouteRow, Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.editions import Editions
from aether.frames import HEADER, unpack

BASE = SliceBase("a:b")
ROUTES = tuple(RouteRow(method="GET", pattern=f"/{n}", slice=BASE) for n in range(9))
FIRST = Table(revision=1, node=NodeId("n1"), routes=ROUTES)
ENDPOINT = Endpoint(
    instance=InstanceId("a:b:1.0.0/0"), slice=BASE, node=NodeId("n1"), socket="/run/0"
)
LATER = replace(FIRST, revision=2, instances=(ENDPOINT,))


def body(frame: bytes) -> dict[str, object]:
    value = unpack(frame[HEADER.size :])
    assert isinstance(value, dict)
    return value


def test_a_newcomer_gets_all_and_others_what_changed() -> None:
    editions = Editions()
    assert editions.publish(FIRST) is True
    known = editions.present
    assert editions.publish(LATER) is True
    whole, change = body(editions.frame(None)), body(editions.frame(known))
    assert (whole["op"], change["op"]) == ("table", "delta")
    assert (change["from"], change["revision"]) == (1, 2)
    assert whole["fingerprint"] == change["fingerprint"] == fingerprint(LATER)
    assert editions.frame(known) is editions.frame(known)
    assert len(editions.frame(known)) < len(editions.frame(None)) / 3


def test_a_revision_alone_is_a_few_bytes() -> None:
    editions = Editions()
    editions.publish(LATER)
    known = editions.present
    assert editions.publish(replace(LATER, revision=3)) is False
    assert body(editions.frame(known)) == {
        "op": "revision",
        "revision": 3,
        "fingerprint": fingerprint(LATER),
    }
    assert len(editions.frame(known)) < 64


def test_a_change_of_half_the_table_is_sent_whole() -> None:
    editions = Editions()
    editions.publish(FIRST)
    known = editions.present
    editions.publish(replace(FIRST, revision=2, routes=ROUTES[:4]))
    assert body(editions.frame(known))["op"] == "table"


@pytest.mark.parametrize("first", [FIRST, LATER])
def test_a_contradiction_is_not_published_and_the_present_one_stays(first: Table) -> None:
    editions = Editions()
    editions.publish(first)
    twice = replace(LATER, revision=3, instances=(ENDPOINT, ENDPOINT))
    with pytest.raises(ValueError, match=r"revision 3.*listed twice"):
        editions.publish(twice)
    assert editions.present is not None
    assert editions.present.table is first


def test_nothing_can_be_told_before_the_first() -> None:
    with pytest.raises(LookupError, match="no routing table"):
        Editions().frame(None)
