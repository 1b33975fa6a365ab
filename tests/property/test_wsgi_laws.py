"""Laws of hosting WSGI: what an application says arrives, and what a client says reaches it."""

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from aether.host.body import Body
from aether.host.exchange import Exchange
from aether.host.wsgi.answer import Answer, CutShort, Fields, ProtocolBroken
from aether.host.wsgi.environ import environ_of, path_info
from aether.host.wsgi.request_body import gather, stream_of

BLOCKS = st.lists(st.binary(max_size=20), max_size=8)
METHODS = st.sampled_from(["GET", "HEAD", "POST"])
STATUSES = st.sampled_from(["200 OK", "204 No Content", "304 Not Modified", "500"])
TOKENS = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)


class Record:
    def __init__(self) -> None:
        self.story: list[Any] = []

    def start(self, status: int, headers: Fields) -> None:
        self.story.append((status, headers))

    def put(self, block: bytes) -> None:
        self.story.append(block)

    def finish(self) -> None:
        self.story.append("end")


def answered(
    result: Any, status: str, headers: list[tuple[str, str]], method: str, written: list[bytes]
) -> tuple[Record, bool]:
    record = Record()
    answer = Answer(record, method)
    write = answer.start_response(status, headers)
    try:
        for block in written:
            write(block)
        answer.send(result)
    except CutShort:
        return record, False
    return record, True


@given(BLOCKS, BLOCKS, METHODS, STATUSES, st.none() | st.integers(0, 200), st.booleans())
def test_an_answer_is_one_head_then_the_body_then_one_end(
    written: list[bytes],
    blocks: list[bytes],
    method: str,
    status: str,
    declared: int | None,
    is_list: bool,
) -> None:
    headers = [] if declared is None else [("content-length", str(declared))]
    result = blocks if is_list else iter(blocks)
    record, is_whole = answered(result, status, headers, method, written)
    head, *rest = record.story
    assert isinstance(head, tuple)
    body = b"".join(block for block in rest if block != "end")
    said = b"".join(written + blocks)
    bodiless = method == "HEAD" or status[:3] in ("204", "304")
    if bodiless:
        assert (body, is_whole) == (b"", True)
    elif declared is None:
        assert (body, is_whole) == (said, True)
    else:
        assert body == said[:declared]
        assert is_whole is (len(said) >= declared)
    assert rest.count("end") == int(is_whole)
    assert not is_whole or rest[-1] == "end"
    assert all(rest), "an empty block would end a chunked body"


@given(BLOCKS, METHODS, STATUSES)
def test_a_length_that_is_told_is_that_of_the_body(
    blocks: list[bytes], method: str, status: str
) -> None:
    record, _ = answered(blocks, status, [], method, [])
    (_, headers), *_ = record.story
    lengths = [int(value) for name, value in headers if name == b"content-length"]
    if status[:3] in ("204", "304"):
        assert lengths == []
    elif lengths:
        assert lengths == [sum(map(len, blocks))]
    else:
        assert method == "HEAD"


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_header_breaks_out_of_its_line(name: str, value: str) -> None:
    record = Record()
    answer = Answer(record, "GET")
    try:
        answer.start_response("200 OK", [(name, value)])
        answer.send([])
    except ProtocolBroken:
        assert not record.story
        return
    for field in record.story[0][1]:
        assert not set(b"".join(field)) & set(b"\r\n\0")
    assert name.isascii()


@given(st.binary(max_size=30), st.sampled_from(["", "/a", "/shop/api"]))
def test_a_path_below_its_prefix_arrives_byte_for_byte(rest: bytes, prefix: str) -> None:
    raw = f"{prefix}/{quote_from_bytes(rest)}".encode()
    below = path_info(raw, prefix)
    assert below is not None
    assert below.encode("latin-1") == b"/" + rest


@given(st.lists(st.tuples(TOKENS, st.binary(max_size=10).filter(lambda v: b"\n" not in v))))
def test_every_header_is_found_under_its_name_of_cgi(headers: list[tuple[str, bytes]]) -> None:
    exchange = Exchange(_NoWire(), Body(lambda: None, lambda: None))
    exchange.headers = [(name.encode(), value) for name, value in headers]
    environ = environ_of(exchange, "", "/")
    for name in {name for name, _ in headers} - {"proxy", "transfer-encoding", "cookie"}:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        values = [value.decode("latin-1") for found, value in headers if found == name]
        assert environ[key] == ",".join(values)
    assert all(isinstance(value, str) for name, value in environ.items() if name.isupper())


class _NoWire:
    def send(self, data: bytes) -> None:
        raise AssertionError("nothing is to be sent")

    async def writable(self) -> None:
        return

    def may_keep_alive(self, exchange: Exchange) -> bool:
        return True


READS = st.lists(st.tuples(st.sampled_from(["read", "readline"]), st.integers(-1, 40)), max_size=10)


@given(st.lists(st.binary(max_size=30), max_size=10), READS)
def test_a_body_in_pieces_reads_as_the_whole_would(
    pieces: list[bytes], reads: list[tuple[str, int]]
) -> None:
    whole = io.BytesIO(b"".join(pieces))
    streamed, (gathered, length) = stream_of(_fetch(pieces)), gather(_fetch(pieces))
    with gathered:
        assert length == len(whole.getvalue())
        for method, size in reads:
            expected = getattr(whole, method)(size)
            assert getattr(streamed, method)(size) == expected
            assert getattr(gathered, method)(size) == expected
        assert streamed.readlines() == gathered.readlines() == whole.readlines()


def _fetch(pieces: list[bytes]) -> Any:
    left: Iterator[bytes] = iter(pieces)
    return lambda: next(left, None)
