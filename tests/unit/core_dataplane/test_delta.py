"""How a delta is written; what it does is in tests/property/test_delta_laws.py."""

from dataclasses import replace
from typing import Any

import pytest

from aether.core.dataplane.delta import (
    between,
    delta_from_plain,
    delta_of,
    delta_to_plain,
)
from aether.core.dataplane.table import Endpoint, RouteRow, Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase

BASE = SliceBase("a:b")
ROW = RouteRow(method="GET", pattern="/x", slice=BASE)
ONE, TWO = (
    Endpoint(instance=InstanceId(f"a:b:1.0.0/{n}"), slice=BASE, node=NodeId("n2"), mesh="h:1")
    for n in range(2)
)
BEFORE = Table(revision=4, node=NodeId("n1"), routes=(ROW,), instances=(ONE,))
AFTER = Table(revision=7, node=NodeId("n1"), zone="z", instances=(replace(ONE, mesh="h:2"), TWO))


def test_plain_form_is_that_of_the_wire() -> None:
    plain = delta_to_plain(delta_of(BEFORE, AFTER, *between(BEFORE, AFTER)))
    assert {name: plain[name] for name in ("from", "revision", "zone")} == {
        "from": 4,
        "revision": 7,
        "zone": "z",
    }
    assert [(row["instance"], row["mesh"]) for row in plain["put"]["instances"]] == [
        ("a:b:1.0.0/0", "h:2"),
        ("a:b:1.0.0/1", "h:1"),
    ]
    assert plain["drop"] == {"routes": (("", "GET", "/x"),), "instances": (), "policies": ()}


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"from": 1},
        {"from": "x", "revision": 1},
        {"from": 1, "revision": 2, "put": []},
        {"from": 1, "revision": 2, "put": {"instances": [{"instance": "nonsense"}]}},
        {"from": 1, "revision": 2, "drop": {"instances": ["nonsense"]}},
        {"from": 1, "revision": 2, "drop": {"routes": [["GET", "/x"]]}},
        {3: 4},
    ],
)
def test_other_values_are_refused(value: dict[Any, Any]) -> None:
    with pytest.raises(ValueError, match="not a Delta"):
        delta_from_plain(value)


def test_what_is_left_out_is_empty() -> None:
    delta = delta_from_plain({"from": 1, "revision": 2, "later": "releases may say more"})
    assert (delta.base, delta.revision, len(delta.put), delta.drop.instances) == (1, 2, 0, ())


def test_peers_are_told_only_when_they_change() -> None:
    grown = replace(BEFORE, revision=5, peers=(NodeId("n1"), NodeId("n2")))
    later = replace(grown, revision=6)
    known = replace(later, revision=7, peers=())
    told = [
        delta_to_plain(delta_of(*pair, *between(*pair)))["peers"]
        for pair in ((BEFORE, grown), (grown, later), (later, known))
    ]
    assert told == [("n1", "n2"), None, ()]
    assert delta_from_plain({"from": 5, "revision": 6}).peers is None
