"""Taps of the logs."""

from collections.abc import Mapping
from typing import Any

from aether.logs.taps import add_tap, pass_on, remove_tap


def test_a_tap_sees_each_line_until_it_is_taken_away() -> None:
    seen: list[str] = []

    def tap(event: Mapping[str, Any]) -> None:
        seen.append(event["event"])

    add_tap(tap)
    try:
        assert pass_on(None, "info", {"event": "one"}) == {"event": "one"}
    finally:
        remove_tap(tap)
    remove_tap(tap)
    pass_on(None, "info", {"event": "two"})
    assert seen == ["one"]
