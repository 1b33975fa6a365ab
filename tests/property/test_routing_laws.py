"""Laws of the data plane's decisions, over generated routes, paths, endpoints and bytes."""

from itertools import pairwise, product

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.match import (
    Kind,
    Matcher,
    NotAllowed,
    Segment,
    parse_pattern,
    shape,
    split_path,
)
from aether.core.dataplane.table import Endpoint, RouteRow, Table, from_plain, to_plain
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.framing import ChunkedBody, LengthBody, chunk, last_chunk

METHODS = ("GET", "HEAD", "POST", "*")
BASE = SliceBase("org.example:links")

pieces = st.sampled_from(["a", "b", "", "{x}", "{y}"])
patterns = st.builds(
    lambda parts, rest: "/" + "/".join([*parts, *rest]),
    st.lists(pieces, min_size=1, max_size=4),
    st.sampled_from([[], ["{*rest}"]]),
)
rows = st.builds(
    lambda method, pattern: RouteRow(method=method, pattern=pattern, slice=BASE),
    st.sampled_from(METHODS),
    patterns,
)
paths = st.lists(st.sampled_from(["a", "b", "c", "", "%61", "a%2Fb"]), min_size=1, max_size=5).map(
    lambda parts: "/" + "/".join(parts)
)


def fits(pattern: tuple[Segment, ...], parts: list[str]) -> bool:
    """Match one pattern against one path, as plainly as can be said."""
    if pattern and pattern[-1].kind is Kind.REST:
        pattern = pattern[:-1]
        parts = parts[: len(pattern)]
    return len(pattern) == len(parts) and all(
        part == segment.text if segment.kind is Kind.LITERAL else part != ""
        for segment, part in zip(pattern, parts, strict=True)
    )


def method_rank(row: RouteRow, method: str) -> int | None:
    ranked = [method, "GET", "*"] if method == "HEAD" else [method, "*"]
    return ranked.index(row.method) if row.method in ranked else None


def reference(table: list[RouteRow], method: str, path: str) -> RouteRow | set[str] | None:
    """Look at every row: the most specific that takes the method, else the methods taken."""
    fitting = [row for row in table if fits(parse_pattern(row.pattern), split_path(path))]
    taking = []
    for row in fitting:
        rank = method_rank(row, method)
        if rank is not None:
            kinds = [segment.kind.value for segment in parse_pattern(row.pattern)]
            taking.append((kinds, rank, row.pattern, row))
    if taking:
        return min(taking, key=lambda item: item[:3])[3]
    return {row.method for row in fitting} or None


@given(st.lists(rows, max_size=12), st.sampled_from(METHODS[:3]), paths)
def test_matcher_agrees_with_looking_at_every_row(
    table: list[RouteRow], method: str, path: str
) -> None:
    found = Matcher(table).find(method, path)
    expected = reference(table, method, path)
    if isinstance(found, NotAllowed):
        assert isinstance(expected, set)
        assert set(found.allow) == expected | ({"HEAD"} if "GET" in expected else set())
    else:
        assert found == expected


@given(st.lists(rows, max_size=12), st.randoms(), paths)
def test_order_of_rows_does_not_matter(table: list[RouteRow], random: "object", path: str) -> None:
    shuffled = list(table)
    getattr(random, "shuffle")(shuffled)  # noqa: B009 - Hypothesis types its dice as an object
    assert Matcher(table).find("GET", path) == Matcher(shuffled).find("GET", path)


@given(st.lists(rows, max_size=8), paths)
def test_a_literal_route_for_the_path_always_wins(table: list[RouteRow], path: str) -> None:
    decoded = split_path(path)
    if any("/" in part for part in decoded):
        return  # an encoded slash cannot be written in a pattern
    literal = RouteRow(method="GET", pattern="/" + "/".join(decoded), slice=SliceBase("x:won"))
    others = [row for row in table if (row.method, row.pattern) != ("GET", literal.pattern)]
    assert Matcher([*others, literal]).find("GET", path) == literal


@given(patterns)
def test_shape_hides_names_and_nothing_else(pattern: str) -> None:
    blank = shape(parse_pattern(pattern))
    assert blank == pattern.replace("{x}", "{}").replace("{y}", "{}").replace("{*rest}", "{*}")


def endpoint(number: int) -> Endpoint:
    return Endpoint(
        instance=InstanceId(f"{BASE}:1.0.0/{number}"),
        slice=BASE,
        node=NodeId("node-1"),
        socket=f"/run/{number}.sock",
    )


@given(st.lists(rows, max_size=8), st.integers(0, 5), st.integers(0, 2**53))
def test_table_survives_its_plain_values(table: list[RouteRow], size: int, revision: int) -> None:
    whole = Table(
        revision=revision,
        node=NodeId("node-1"),
        routes=tuple(table),
        instances=tuple(endpoint(number) for number in range(size)),
    )
    assert from_plain(to_plain(whole)) == whole
    for codec in (msgspec.json, msgspec.msgpack):
        assert from_plain(codec.decode(codec.encode(to_plain(whole)))) == whole


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[begin:end] for begin, end in pairwise(places)]


@given(
    st.lists(st.binary(max_size=40), max_size=6),
    st.binary(max_size=20),
    st.lists(st.integers(0, 999)),
)
def test_chunked_body_is_found_however_it_is_cut(
    parts: list[bytes], after: bytes, at: list[int]
) -> None:
    wire = b"".join(chunk(part) for part in parts) + last_chunk(b"")
    reader, payload, rest, ended = ChunkedBody(), b"", b"", False
    for piece in cut(wire + after, at):
        if ended:
            rest += piece
            continue
        got, rest, ended = reader.feed(piece)
        payload += got
    assert (payload, rest, ended) == (b"".join(parts), after, True)


@given(st.binary(max_size=60), st.integers(1, 60), st.lists(st.integers(0, 999)))
def test_length_body_ends_at_its_length(data: bytes, length: int, at: list[int]) -> None:
    reader, payload, rest, ended = LengthBody(length), b"", b"", False
    for piece in cut(data, at):
        if ended:
            rest += piece
            continue
        got, rest, ended = reader.feed(piece)
        payload += got
    assert (payload, rest) == (data[:length], data[length:])
    assert ended is (len(data) >= length)


def test_all_short_patterns_against_all_short_paths() -> None:
    alphabet = ["a", "{x}", "{*r}"]
    table = [
        RouteRow(method="GET", pattern="/" + "/".join(parts), slice=BASE)
        for size in (1, 2, 3)
        for parts in product(alphabet, repeat=size)
        if "{*r}" not in parts[:-1]
    ]
    matcher = Matcher(table)
    for size in (1, 2, 3, 4):
        for parts in product(["a", "b", ""], repeat=size):
            path = "/" + "/".join(parts)
            assert matcher.find("GET", path) == reference(table, "GET", path), path
