"""The body of a request under way."""

from aether.dataplane.request_body import NO_BODY, RequestBody


def test_a_body_of_known_length_travels_as_it_came() -> None:
    body = RequestBody(is_chunked=False, replay_bytes=10)
    assert body.take(b"abc", done=False, trailers=b"") == b"abc"
    assert body.take(b"de", done=True, trailers=b"") == b"de"
    assert (bytes(body.kept), body.size, body.has_ended) == (b"abcde", 5, True)


def test_a_chunked_body_is_chunked_anew_with_its_trailers() -> None:
    body = RequestBody(is_chunked=True, replay_bytes=100)
    assert body.take(b"abc", done=False, trailers=b"") == b"3\r\nabc\r\n"
    assert body.take(b"", done=True, trailers=b"a: b\r\n") == b"0\r\na: b\r\n\r\n"
    assert bytes(body.kept) == b"3\r\nabc\r\n0\r\na: b\r\n\r\n"
    assert body.size == 3


def test_a_long_body_is_kept_until_it_was_sent_and_no_longer() -> None:
    body = RequestBody(is_chunked=False, replay_bytes=4)
    body.take(b"abcd", done=False, trailers=b"")
    body.sent()
    assert body.is_kept
    body.take(b"e", done=False, trailers=b"")
    assert body.is_full
    body.sent()
    assert not body.is_kept
    assert body.take(b"fg", done=True, trailers=b"") == b"fg"
    assert (bytes(body.kept), body.size) == (b"", 7)


def test_no_body_has_ended_and_may_be_sent_again() -> None:
    assert NO_BODY.has_ended
    assert NO_BODY.is_kept
    assert not NO_BODY.kept
