"""Numbers of tables."""

from dataclasses import replace

from msgspec.structs import replace as replace_row

from aether.core.dataplane.fingerprint import fingerprint
from aether.core.dataplane.table import RouteRow, SlicePolicy, Table
from aether.core.model.ids import NodeId, SliceBase

ROW = RouteRow(method="GET", pattern="/x", slice=SliceBase("a:b"))
TABLE = Table(revision=1, node=NodeId("n1"), routes=(ROW, replace_row(ROW, pattern="/y")))


def test_it_is_the_same_in_every_process_and_release() -> None:
    assert fingerprint(Table(revision=1, node=NodeId("n1"))) == 0xD02405C4A3593596
    assert 0 <= fingerprint(TABLE) < 2**64


def test_neither_revision_nor_order_count() -> None:
    assert fingerprint(replace(TABLE, revision=9)) == fingerprint(TABLE)
    assert fingerprint(replace(TABLE, routes=TABLE.routes[::-1])) == fingerprint(TABLE)


def test_every_field_counts() -> None:
    others = [
        replace(TABLE, node=NodeId("n2")),
        replace(TABLE, zone="z"),
        replace(TABLE, peers=(NodeId("n1"),)),
        replace(TABLE, routes=TABLE.routes[:1]),
        replace(TABLE, routes=(ROW, replace_row(ROW, pattern="/y", rate=1.0))),
        replace(TABLE, policies=(SlicePolicy(slice=SliceBase("a:b"), concurrency=1),)),
    ]
    numbers = [fingerprint(each) for each in [TABLE, *others]]
    assert len(set(numbers)) == len(numbers)
