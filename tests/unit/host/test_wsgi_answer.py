import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aether.host.wsgi.answer import Answer, CutShort, Fields, ProtocolBroken

TEXT = [("Content-Type", "text/plain")]


class Record:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.heads: list[tuple[int, dict[bytes, bytes]]] = []
        self.blocks: list[bytes] = []
        self.is_finished = False

    def start(self, status: int, headers: Fields) -> None:
        self.heads.append((status, dict(headers)))

    def put(self, block: bytes) -> None:
        assert self.heads, "a block before the head"
        self.blocks.append(block)

    def finish(self) -> None:
        assert self.heads, "an end before the head"
        self.is_finished = True

    @property
    def status(self) -> int:
        return self.heads[0][0]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return self.heads[0][1]


def told(
    result: Any, status: str = "200 OK", headers: Any = TEXT, method: str = "GET"
) -> tuple[Answer, Record]:
    record = Record()
    answer = Answer(record, method)
    answer.start_response(status, headers)
    answer.send(result)
    return answer, record


@pytest.mark.parametrize("result", [[b"ab", b"", b"c"], (b"abc",)])
def test_a_body_that_is_here_has_its_length_told(result: Any) -> None:
    _, record = told(result)
    assert record.heads == [(200, {b"content-type": b"text/plain", b"content-length": b"3"})]
    assert b"".join(record.blocks) == b"abc"
    assert record.is_finished


def test_a_body_in_the_making_leaves_block_by_block() -> None:
    record = Record()
    answer = Answer(record, "GET")
    answer.start_response("200 OK", TEXT)
    seen: list[list[bytes]] = []

    def made() -> Iterator[bytes]:
        yield b""
        assert not record.heads, "PEP 3333: an empty block does not send the head"
        for block in (b"one", b"two"):
            yield block
            seen.append(list(record.blocks))

    answer.send(made())
    assert seen == [[b"one"], [b"one", b"two"]]
    assert record.headers == {b"content-type": b"text/plain"}


@pytest.mark.parametrize("result", [[], [b""], (), iter(())])
def test_no_body_is_a_body_of_length_nought(result: Any) -> None:
    _, record = told(result)
    assert (record.headers[b"content-length"], record.blocks) == (b"0", [])
    assert record.is_finished


def test_the_head_may_come_with_the_first_block() -> None:
    record = Record()
    answer = Answer(record, "GET")

    def made() -> Iterator[bytes]:
        answer.start_response("201 Created", TEXT)
        yield b"x"

    answer.send(made())
    assert (record.status, record.blocks) == (201, [b"x"])


def test_what_is_written_comes_before_what_is_returned() -> None:
    record = Record()
    answer = Answer(record, "GET")
    write = answer.start_response("200 OK", TEXT)
    write(b"a")
    assert record.blocks == [b"a"], "PEP 3333: write() does not wait for the return"
    answer.send([b"b"])
    assert (record.blocks, record.is_finished) == ([b"a", b"b"], True)
    assert b"content-length" not in record.headers


@pytest.mark.parametrize(
    ("method", "status", "kept"),
    [("HEAD", "200 OK", True), ("GET", "304 Not Modified", True), ("GET", "204 No Content", False)],
)
def test_an_answer_without_a_body_asks_for_none_and_sends_none(
    method: str, status: str, *, kept: bool
) -> None:
    asked: list[bytes] = []

    def made() -> Iterator[bytes]:
        for block in (b"12345", b"67890"):
            asked.append(block)
            yield block

    _, record = told(made(), status, [("Content-Length", "10")], method)
    assert (record.blocks, record.is_finished) == ([], True)
    assert (b"content-length" in record.headers) is kept
    assert asked == [b"12345"]


def test_head_tells_the_length_of_what_get_would_send() -> None:
    _, record = told([b"12345"], method="HEAD")
    assert (record.headers[b"content-length"], record.blocks) == (b"5", [])
    _, record = told([b""], method="HEAD")
    assert b"content-length" not in record.headers


def test_no_byte_leaves_over_the_declared_length() -> None:
    _, record = told(iter([b"123", b"456", b"789"]), headers=[("Content-Length", "4")])
    assert (record.blocks, record.is_finished) == ([b"123", b"4"], True)


def test_a_body_that_falls_short_is_not_ended() -> None:
    record = Record()
    answer = Answer(record, "GET")
    answer.start_response("200 OK", [("Content-Length", "4")])
    with pytest.raises(CutShort, match="says 4 bytes, the body had 3"):
        answer.send([b"123"])
    assert not record.is_finished


def test_a_second_head_needs_an_error_and_replaces_the_first() -> None:
    record = Record()
    answer = Answer(record, "GET")
    answer.start_response("200 OK", TEXT)
    with pytest.raises(ProtocolBroken, match="twice"):
        answer.start_response("200 OK", TEXT)
    answer.start_response("500 Oops", [("x-why", "error")], _caught(ValueError("late")))
    answer.send([b"sorry"])
    assert (record.status, record.headers) == (500, {b"x-why": b"error", b"content-length": b"5"})


def test_an_error_after_the_head_has_left_is_raised() -> None:
    record = Record()
    answer = Answer(record, "GET")
    write = answer.start_response("200 OK", TEXT)
    write(b"half")
    problem = ValueError("late")
    with pytest.raises(ValueError, match="late") as raised:
        answer.start_response("500 Oops", TEXT, _caught(problem))
    assert raised.value is problem
    assert len(record.heads) == 1


def _caught(problem: Exception) -> Any:
    try:
        raise problem
    except ValueError:
        return sys.exc_info()


def test_headers_keep_their_order_and_may_be_repeated() -> None:
    class Ordered(Record):
        fields: Fields = ()

        def start(self, status: int, headers: Fields) -> None:
            super().start(status, headers)
            self.fields = headers

    record = Ordered()
    answer = Answer(record, "GET")
    answer.start_response("200 OK", [("Set-Cookie", "b=1"), ("X", "\xe9 "), ("Set-Cookie", "a=2")])
    answer.send(iter([b"x"]))
    assert record.fields == ((b"set-cookie", b"b=1"), (b"x", b"\xe9"), (b"set-cookie", b"a=2"))


@pytest.mark.parametrize(
    ("status", "headers", "part"),
    [
        (200, [], "status 200"),
        ("200", [], ""),
        ("OK", [], "status 'OK'"),
        ("100 Continue", [], "status '100 Continue'"),
        ("200 OK\r\nx: y", [], "status"),
        ("200 OK", [("a\r\nb", "c")], "is no header"),
        ("200 OK", [("a b", "c")], "is no header"),
        ("200 OK", [("", "c")], "is no header"),
        ("200 OK", [("a", "b\r\nx: y")], "is no header"),
        ("200 OK", [("a", "b\0")], "is no header"),
        ("200 OK", [("a", 5)], "is no header"),
        ("200 OK", [(b"a", b"b")], "is no header"),
        ("200 OK", ["a: b"], "is no header"),
        ("200 OK", [("a", "\u2603")], "Latin-1"),
        ("200 OK", [("content-length", "-1")], "number of bytes"),
        ("200 OK", [("content-length", "five")], "number of bytes"),
    ],
)
def test_a_head_is_checked_before_it_can_harm(status: Any, headers: Any, part: str) -> None:
    answer = Answer(Record(), "GET")
    if part:
        with pytest.raises(ProtocolBroken, match=part):
            answer.start_response(status, headers)
    else:
        assert callable(answer.start_response(status, headers))


@pytest.mark.parametrize("result", [["text"], iter([5]), [b"ok", None]])
def test_a_block_that_is_not_bytes_is_refused(result: Any) -> None:
    with pytest.raises(ProtocolBroken, match="not bytes"):
        told(result)


@pytest.mark.parametrize("send", [lambda answer: answer.send([b"x"]), lambda a: a.send([])])
def test_a_body_without_a_head_is_refused(send: Callable[[Answer], None]) -> None:
    record = Record()
    with pytest.raises(ProtocolBroken, match="before start_response"):
        send(Answer(record, "GET"))
    assert not record.heads
