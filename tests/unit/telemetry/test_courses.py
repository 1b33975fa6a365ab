import pytest

from aether.core.metrics.windows import Block
from aether.core.metrics.work import at_once
from aether.telemetry.courses import Courses, is_worst

ONE = "g.x:a:1.0.0/0"
CPU = ("node.cpu",)


def test_values_are_told_by_how_long_ago_they_were() -> None:
    made = Courses()
    for second in range(100, 105):
        at_once(made.keeping(second + 0.25, [(CPU, "n-1", (second / 1000,))]))
    course = made.history("node.cpu", "n-1", 3, 1, 104.25)
    assert [(round(ago, 2), value) for ago, value in course] == [
        (2.25, 0.102),
        (1.25, 0.103),
        (0.25, 0.104),
    ]


def test_instances_are_kept_by_ten_seconds() -> None:
    made, asked = Courses(), 0

    def instances() -> list[Block]:
        nonlocal asked
        asked += 1
        return [(("instance.cpu",), ONE, (0.5,))]

    for second in range(100, 131):
        at_once(made.keeping(float(second), [(CPU, "n-1", (1.0,))], instances))
    assert asked == 4
    assert len(made.history("instance.cpu", ONE, 120, 10, 131.0)) == 4
    with pytest.raises(ValueError, match="none of"):
        made.history("instance.cpu", ONE, 120, 1, 131.0)
    assert made.bytes > 31 * 8
    assert made.refused == 0


def test_the_worst_is_kept_of_what_the_catalogue_says() -> None:
    assert is_worst("node.loop_lag")
    assert not is_worst("node.cpu")
    assert not is_worst("nobody.knows")
