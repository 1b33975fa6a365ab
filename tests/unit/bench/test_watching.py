"""What the bench of tables counts as late, and when a change is everywhere."""

from tests.bench.table.watching import Answer, Commit, Seen

ONE = "org.example:shop:1.0.0/1"


def seen(*answers: Answer) -> Seen:
    """An instance leaves at revision 7 and is back at 9; two routers hear of it in their own time."""
    return Seen(
        commits=[Commit("leaves", ONE, 7, 1.0), Commit("comes", ONE, 9, 5.0)],
        tables={1: [(0.0, 3), (1.1, 7), (5.1, 9)], 2: [(0.0, 3), (1.3, 8), (5.2, 9)]},
        answers=list(answers),
    )


def test_a_change_is_everywhere_when_the_slowest_router_has_it() -> None:
    assert (seen().everywhere(7), seen().everywhere(9), seen().everywhere(10)) == (1.3, 5.2, None)


def test_late_is_who_asks_a_gone_instance_after_its_router_knows() -> None:
    late = Answer(2, 1.4, 200, ONE)
    told = seen(
        Answer(2, 1.2, 200, ONE),
        late,
        Answer(1, 1.05, 200, ONE),
        Answer(1, 1.2, 200, "org.example:shop:1.0.0/2"),
        Answer(1, 5.0, 200, ONE),
    )
    assert told.late() == [late]
