from aether.core.metrics.work import Work, at_once, pieces


def test_work_done_at_once_goes_over_every_pause_to_its_result() -> None:
    reached = []

    def count() -> Work[str]:
        for number in range(3):
            reached.append(number)
            yield
        return "done"

    assert at_once(count()) == "done"
    assert reached == [0, 1, 2]


def test_pieces_are_in_order_and_the_last_may_be_short() -> None:
    assert list(pieces(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(pieces([], 3)) == []
