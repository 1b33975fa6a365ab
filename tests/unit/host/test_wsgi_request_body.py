from collections.abc import Sequence

import pytest

from aether.host.wsgi.request_body import (
    BUFFER_BYTES,
    IN_MEMORY_BYTES,
    BodyRefused,
    Fetch,
    gather,
    stream_of,
)
from aether.sdk import HttpError


def fetch_of(pieces: Sequence[bytes], asked: list[int] | None = None) -> Fetch:
    left = list(pieces)

    def fetch() -> bytes | None:
        if asked is not None:
            asked.append(len(left))
        return left.pop(0) if left else None

    return fetch


def test_it_reads_as_a_file() -> None:
    body = stream_of(fetch_of([b"one\ntw", b"o\n", b"", b"three\nfour"]))
    assert body.read(2) == b"on"
    assert body.readline() == b"e\n"
    assert body.readline(2) == b"tw"
    assert body.readlines(1) == [b"o\n"]
    assert next(iter(body)) == b"three\n"
    assert body.read() == b"four"
    assert (body.read(), body.read(5), body.readline()) == (b"", b"", b"")


def test_the_end_is_asked_for_once() -> None:
    asked: list[int] = []
    body = stream_of(fetch_of([b"x"], asked))
    assert body.read() == b"x"
    assert body.read() == body.read(1) == b""
    assert asked == [1, 0]


def test_no_more_is_taken_in_than_is_read() -> None:
    asked: list[int] = []
    body = stream_of(fetch_of([b"x" * BUFFER_BYTES] * 10, asked))
    assert body.read(10) == b"x" * 10
    assert len(asked) == 1
    assert len(body.read(BUFFER_BYTES)) == BUFFER_BYTES
    assert len(asked) == 2


@pytest.mark.parametrize("size", [0, 1, IN_MEMORY_BYTES - 1, IN_MEMORY_BYTES + 1, 1_000_000])
def test_a_body_of_unknown_length_is_gathered_and_measured(size: int) -> None:
    whole = bytes(number % 251 for number in range(size))
    pieces = [whole[start : start + 50_000] for start in range(0, size, 50_000)]
    body, length = gather(fetch_of(pieces))
    with body:
        assert length == size
        assert body.read() == whole


def test_a_client_that_breaks_off_is_an_error_of_reading() -> None:
    def fetch() -> bytes | None:
        raise ConnectionError("the client went away")

    with pytest.raises(OSError, match="went away"):
        stream_of(fetch).read()
    with pytest.raises(OSError, match="went away"):
        gather(fetch)


def test_a_refusal_is_an_error_of_reading_that_knows_its_answer() -> None:
    refused = BodyRefused(HttpError(413, "too much"))
    assert isinstance(refused, OSError)
    assert refused.error.status == 413
