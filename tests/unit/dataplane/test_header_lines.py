"""Lines that end at a proxy are cut, all others stay byte for byte."""

import pytest

from aether.dataplane.header_lines import BadHead, HeaderLines, value_of, without


def block(*lines: str) -> bytes:
    return "\r\n".join(["", *lines, "", ""]).encode("latin-1")


def test_equal_lines_are_all_cut_and_beginnings_are_not() -> None:
    found = HeaderLines(block("TE: a", "A: b", "TE: a", "TE: ab", "tea: x", "X-TE: a"))
    assert found.passed_on([]) == b"A: b\r\ntea: x\r\nX-TE: a\r\n"
    assert found.values[b"te"] == b"a, a, ab"


def test_values_within_values_are_not_cut() -> None:
    found = HeaderLines(block("A: Connection:x", "Connection:x", "B: \tConnection:x"))
    assert found.passed_on([]) == b"A: Connection:x\r\nB: \tConnection:x\r\n"


def test_what_is_kept_is_also_read() -> None:
    found = HeaderLines(
        block("X-Aether-Slice: s", "X-Aether-Hops: 1"), frozenset({b"x-aether-slice"})
    )
    assert found.aether == {b"x-aether-slice": "s", b"x-aether-hops": "1"}
    assert found.passed_on([]) == b"X-Aether-Slice: s\r\n"


def test_options_are_bounded() -> None:
    assert HeaderLines(block("Connection: Close , a")).options() == [b"close", b"a"]
    with pytest.raises(BadHead, match="16"):
        HeaderLines(block("Connection: " + ",".join("abcdefghijklmnopqrs"))).options()


def test_looking_up_and_taking_out_by_name() -> None:
    lines = b"Cookie: a=b\r\nX: 1\r\ncookie:  c=d \r\nCookie-Jar: e\r\n"
    assert value_of(lines, b"cookie") == b"a=b, c=d"
    assert value_of(lines, b"y") == b""
    assert without(lines, b"COOKIE") == b"X: 1\r\nCookie-Jar: e\r\n"


def test_the_value_of_a_header_is_found_in_any_case_and_only_under_its_whole_name() -> None:
    lines = b"X-Beta-2: no\r\nnot-x-beta: no\r\nX-BETA:\t yes \r\nY: x-beta: no\r\nx-beta:\r\n"
    assert value_of(lines, b"X-Beta") == b"yes, "
    assert value_of(b"x-beta:1\r\n", b"x-beta") == b"1"
    assert value_of(b"", b"x-beta") == b""
