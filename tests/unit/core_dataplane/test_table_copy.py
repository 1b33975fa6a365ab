"""What a router takes and what it refuses, message by message."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as replace_row

from aether.core.dataplane.delta import between, delta_of, delta_to_plain
from aether.core.dataplane.fingerprint import fingerprint
from aether.core.dataplane.table import Endpoint, RouteRow, Table, to_plain
from aether.core.dataplane.table_copy import Drifted, Refused, TableCopy
from aether.core.model.ids import InstanceId, NodeId, SliceBase

BASE = SliceBase("a:b")
ROW = RouteRow(method="GET", pattern="/x", slice=BASE)
FIRST = Table(revision=5, node=NodeId("n1"), routes=(ROW,))
LATER = replace(FIRST, revision=6, routes=(ROW, replace_row(ROW, pattern="/y")))
BROKEN = replace(
    FIRST,
    revision=6,
    instances=(Endpoint(instance=InstanceId("a:b:1.0.0/0"), slice=BASE, node=NodeId("n1")),),
)


def delta(before: Table, after: Table) -> dict[str, Any]:
    return delta_to_plain(delta_of(before, after, *between(before, after)))


def test_takes_what_is_newer() -> None:
    copy = TableCopy(FIRST)
    copy.take_delta(delta(FIRST, LATER), fingerprint(LATER))
    assert (copy.table, copy.number) == (LATER, fingerprint(LATER))
    copy.take_revision(9, fingerprint(LATER))
    assert copy.table == replace(LATER, revision=9)
    copy.take_whole(to_plain(replace(FIRST, revision=10)))
    assert (copy.table, copy.number) == (replace(FIRST, revision=10), fingerprint(FIRST))


def test_does_not_go_back_in_time() -> None:
    copy = TableCopy(LATER)
    copy.take_whole(to_plain(FIRST))
    copy.take_revision(2, fingerprint(LATER))
    copy.take_delta(delta(LATER, FIRST), fingerprint(FIRST))
    assert copy.table is LATER


def test_a_later_revision_of_the_same_rows_keeps_the_rows() -> None:
    copy = TableCopy(FIRST)
    copy.take_whole(to_plain(replace(FIRST, revision=8)))
    assert copy.table.revision == 8
    assert copy.table.routes is FIRST.routes


@pytest.mark.parametrize(
    "change",
    [
        lambda copy: copy.take_delta(delta(replace(FIRST, revision=4), LATER), fingerprint(LATER)),
        lambda copy: copy.take_delta(delta(FIRST, LATER), fingerprint(LATER) + 1),
        lambda copy: copy.take_revision(9, fingerprint(LATER)),
    ],
)
def test_says_it_has_drifted_and_stays(change: Callable[[TableCopy], None]) -> None:
    copy = TableCopy(FIRST)
    with pytest.raises(Drifted):
        change(copy)
    assert (copy.table, copy.number) == (FIRST, fingerprint(FIRST))


@pytest.mark.parametrize(
    ("change", "revision", "problem"),
    [
        (lambda copy: copy.take_whole(3), -1, "not a Table"),
        (lambda copy: copy.take_delta({"from": 5}, 1), -1, "not a Delta"),
        (lambda copy: copy.take_whole(to_plain(BROKEN)), 6, "either a socket or a mesh"),
        (
            lambda copy: copy.take_delta(delta(FIRST, BROKEN), fingerprint(BROKEN)),
            6,
            "either a socket or a mesh",
        ),
    ],
)
def test_refuses_what_cannot_be_used_and_stays(
    change: Callable[[TableCopy], None], revision: int, problem: str
) -> None:
    copy = TableCopy(FIRST)
    with pytest.raises(Refused, match=problem) as refused:
        change(copy)
    assert refused.value.revision == revision
    assert (copy.table, copy.number) == (FIRST, fingerprint(FIRST))
