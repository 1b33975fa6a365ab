"""The ring of decisions: bounded, newest first, no decision twice in a row."""

from dataclasses import replace

from aether.control.scaling_decisions import MOST, Decisions, Taken
from tests.worlds import SHOP, STOCK

ONE = Taken(
    number=0, at_ms=1, slice=SHOP, actor="controller", before=2, wanted=3, kind="up",
    rule="scaling.load", text="more", inputs={}, rejected={},
)  # fmt: skip


def test_only_the_last_ones_are_kept_newest_first() -> None:
    ring = Decisions()
    for _ in range(MOST + 5):
        ring.add(replace(ONE, number=ring.next_number))
    numbers = [taken.number for taken in ring.newest_first()]
    assert numbers == list(range(MOST + 5, 5, -1))


def test_those_of_one_slice() -> None:
    ring = Decisions()
    ring.add(ONE)
    ring.add(replace(ONE, slice=STOCK))
    assert [taken.slice for taken in ring.newest_first(STOCK)] == [STOCK]


def test_the_same_again_is_no_news_for_that_slice_and_actor() -> None:
    ring = Decisions()
    assert ring.is_news(SHOP, "controller", "scaling.load", 3)
    assert not ring.is_news(SHOP, "controller", "scaling.load", 3)
    assert ring.is_news(SHOP, "advisor", "scaling.load", 3)
    assert ring.is_news(STOCK, "controller", "scaling.load", 3)
    assert ring.is_news(SHOP, "controller", "scaling.load", 4)
    ring.keep_only({STOCK})
    assert ring.is_news(SHOP, "controller", "scaling.load", 4)
    assert not ring.is_news(STOCK, "controller", "scaling.load", 3)
