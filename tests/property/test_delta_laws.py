"""Laws of deltas: what changed of a table, sent and applied, gives the table; else it is noticed."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.delta import (
    applied,
    between,
    delta_from_plain,
    delta_of,
    delta_to_plain,
)
from aether.core.dataplane.fingerprint import fingerprint, moved
from aether.core.dataplane.rows import Endpoint, RouteRow, SlicePolicy
from aether.core.dataplane.table import Table, to_plain
from aether.core.dataplane.table_copy import Drifted, TableCopy
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.traffic import VersionWeight
from aether.dataplane.editions import Editions
from aether.dataplane.routing import Routing
from aether.frames import HEADER, unpack

BASES = tuple(SliceBase(f"org.example:{name}") for name in ("links", "stock"))
HERE, THERE = NodeId("node-1"), NodeId("node-2")


def _endpoint(base: SliceBase, ordinal: int, place: int) -> Endpoint:
    instance = InstanceId(f"{base}:1.0.0/{ordinal}")
    if place == 0:
        return Endpoint(instance=instance, slice=base, node=HERE, socket=f"/run/{ordinal}.sock")
    return Endpoint(instance=instance, slice=base, node=THERE, mesh=f"h:{place}", zone="z")


ENDPOINTS = [_endpoint(*each) for each in product(BASES, range(3), range(3))]
ROUTES = [
    RouteRow(method="GET", pattern=pattern, host=host, slice=base, timeout_s=timeout_s)
    for pattern, host, base, timeout_s in product(
        ("/", "/{x}/b", "/{*rest}"), ("", "*.org"), BASES, (1.0, 30.0)
    )
]
POLICIES = [
    SlicePolicy(slice=base, weights=(VersionWeight(version="1.0.0", weight=weight),))
    for base, weight in product(BASES, (1, 2))
]


def _of(pool: Sequence[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw some rows of a pool, sorted as a compiled table has them."""
    some = st.lists(st.sampled_from(pool), unique_by=lambda row: row.key, max_size=most)
    return some.map(lambda rows: tuple(sorted(rows, key=lambda row: row.key)))


tables = st.builds(
    lambda revision, zone, routes, instances, policies, peers: Table(
        revision=revision,
        node=HERE,
        zone=zone,
        routes=routes,
        instances=instances,
        policies=policies,
        peers=peers,
    ),
    st.integers(0, 3),
    st.sampled_from(["", "z"]),
    _of(ROUTES, 4),
    _of(ENDPOINTS, 5),
    _of(POLICIES, 2),
    st.sampled_from([(), (HERE,), (HERE, THERE)]),
)


@given(tables, tables)
def test_a_delta_applied_gives_the_later_table(before: Table, after: Table) -> None:
    gone, come = between(before, after)
    delta = delta_of(before, after, gone, come)
    wire = msgspec.msgpack.decode(msgspec.msgpack.encode(delta_to_plain(delta)))
    result, left = applied(before, delta_from_plain(wire))
    assert result == after
    assert sorted(map(repr, left.all())) == sorted(map(repr, gone.all()))


@given(tables, tables)
def test_a_fingerprint_moved_by_rows_is_that_of_the_table(before: Table, after: Table) -> None:
    gone, come = between(before, after)
    number = moved(fingerprint(before), before, after, gone.all(), come.all())
    assert number == fingerprint(after)
    same = replace(before, revision=0) == replace(after, revision=0)
    assert (fingerprint(before) == fingerprint(after)) is same


@given(tables, tables)
def test_no_row_is_named_that_is_the_same_in_both(before: Table, after: Table) -> None:
    gone, come = between(before, after)
    old = {*before.routes, *before.instances, *before.policies}
    new = {*after.routes, *after.instances, *after.policies}
    assert set(gone.all()) == old - new
    assert set(come.all()) == new - old


@given(tables, tables, st.booleans(), st.booleans())
def test_a_copy_takes_the_table_that_is_meant_or_says_it_has_drifted(
    before: Table, after: Table, has_lost_an_instance: bool, is_earlier: bool
) -> None:
    mine = replace(before, instances=before.instances[1:]) if has_lost_an_instance else before
    mine = replace(mine, revision=before.revision - 1) if is_earlier else mine
    copy = TableCopy(mine)
    gone, come = between(before, after)
    plain = delta_to_plain(delta_of(before, after, gone, come))
    try:
        copy.take_delta(plain, fingerprint(after))
    except Drifted:
        assert copy.table is mine
        assert mine != before
    else:
        assert copy.table in (after, mine)
        assert copy.table.revision >= mine.revision
    assert copy.number == fingerprint(copy.table)


@given(st.lists(tables, min_size=1, max_size=4), st.lists(st.booleans(), min_size=4))
def test_a_router_that_skips_editions_ends_with_the_last(
    history: list[Table], skipped: list[bool]
) -> None:
    rising = [replace(table, revision=place) for place, table in enumerate(history)]
    sound = [table for table in rising if not table.check()]
    editions, copy, known = Editions(), TableCopy(Table(revision=0, node=HERE)), None
    for place, table in enumerate(sound):
        editions.publish(table)
        if place + 1 < len(sound) and skipped[place]:
            continue
        message = unpack(editions.frame(known)[HEADER.size :])
        match message.pop("op"):
            case "table":
                copy.take_whole(message["table"])
            case "delta":
                copy.take_delta(message, message.pop("fingerprint"))
            case "revision":
                copy.take_revision(message["revision"], message["fingerprint"])
        known = editions.present
        assert known is not None
        assert (copy.table, copy.number) == (table, known.number)


@given(st.lists(tables, min_size=1, max_size=4))
def test_an_index_that_took_over_from_others_is_that_of_its_table(history: list[Table]) -> None:
    routing = Routing(history[0])
    for table in history[1:]:
        routing = Routing(table, routing)
    fresh = Routing(history[-1])
    for base in BASES:
        assert routing.endpoints(base) == fresh.endpoints(base)
        assert routing.policy(base) == fresh.policy(base)
    assert to_plain(routing.table) == to_plain(history[-1])
