"""Lines of routers and hosts on their way through their node."""

import pytest

from aether.logs.lines import Line
from aether.telemetry.lines import MOST_A_MESSAGE, NodeLines


class Taker:
    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.lost = 0

    def offer_line(self, line: Line) -> None:
        self.lines.append(line)

    def note_lost_lines(self, count: int) -> None:
        self.lost += count


def line(**fields: str) -> list[object]:
    return [7, "info", "said", "a" * 32, "", fields]


def test_a_node_says_who_a_line_is_of() -> None:
    lines, taker = NodeLines("n-1"), Taker()
    lines.take_of_router([line()])
    lines.note_dropped(9)
    lines.send_to(taker)
    lines.take_of_router([line(process="router-1", node="n-9"), line(process="node")])
    lines.take_of_host([line(slice="g:b", logger="shop")], "g:a", "g:a:1.0.0/0")
    lines.take_of_host([line()], "g:a", "g:b:1.0.0/0")
    assert [one.fields for one in taker.lines] == [
        {"process": "router-1", "node": "n-1"},
        {"process": "router", "node": "n-1"},
        {
            "slice": "g:a", "instance": "g:a:1.0.0/0", "logger": "shop", "process": "host",
            "node": "n-1",
        },
        {"slice": "g:a", "process": "host", "node": "n-1"},
    ]  # fmt: skip
    assert taker.lines[0][:5] == (7, "info", "said", "a" * 32, "")


def test_lost_lines_are_counted_and_nonsense_is_not() -> None:
    lines, taker = NodeLines("n-1"), Taker()
    lines.send_to(taker)
    for count in (3, -1, "7", None, 2**70):
        lines.note_dropped(count)
    assert taker.lost == 3


@pytest.mark.parametrize(
    "lines", [7, [7], [[-1, "", "", "", "", {}]], [[1, "", "", "", "", {"a": [1]}]]]
)
def test_what_is_no_line_is_refused(lines: object) -> None:
    with pytest.raises(ValueError, match="Expected"):
        NodeLines("n-1").take_of_router(lines)


def test_too_many_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        NodeLines("n-1").take_of_router([line()] * (MOST_A_MESSAGE + 1))
