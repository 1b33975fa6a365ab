import pytest

from aether.core.store import requests
from aether.core.store.requests import MARK_MS, REMEMBER_MS, Answer, Requests

ANSWER = Answer(applied=True, revision=1, deleted=2)


def test_what_was_applied_first_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_REQUESTS", 3)
    kept = Requests()
    for number in range(3):
        kept.remember(str(number), ANSWER, 0)
    assert kept.answered("0") == ANSWER
    kept.remember("new", 7, 0)
    assert kept.answered("0") is None
    assert (kept.answered("1"), kept.answered("new")) == (ANSWER, 7)
    assert (len(kept), kept.first) == (3, 1)


def test_ids_of_a_day_ago_are_forgotten_to_the_minute() -> None:
    kept = Requests()
    kept.remember("old", 1, 0)
    kept.remember("also old", 2, MARK_MS - 1)
    kept.remember("young", 3, 2 * MARK_MS)
    kept.remember("now", 4, REMEMBER_MS + MARK_MS - 1)
    assert kept.answered("old") == 1
    kept.remember("later", 5, REMEMBER_MS + MARK_MS)
    assert [name for name, _ in kept] == ["young", "now", "later"]
    kept.remember("much later", 6, 9 * REMEMBER_MS)
    assert len(kept) < 4


def test_marks_follow_what_is_forgotten() -> None:
    kept = Requests()
    for number in range(2000):
        kept.remember(str(number), number, number * MARK_MS)
    assert len(kept.marks) == len(kept) == REMEMBER_MS // MARK_MS + 1
    again = Requests(kept, kept.marks, kept.first)
    again.remember("next", 0, 2000 * MARK_MS)
    kept.remember("next", 0, 2000 * MARK_MS)
    assert (list(again), again.marks, again.first) == (list(kept), kept.marks, kept.first)


def test_a_copy_is_of_its_moment() -> None:
    kept = Requests()
    kept.remember("a", 1, 0)
    ids, given = kept.copied()
    kept.remember("b", 2, 0)
    assert (list(ids), list(given)) == (["a"], [1])


def test_no_id_is_never_remembered() -> None:
    kept = Requests()
    kept.remember("", ANSWER, 0)
    assert kept.answered("") is None
    assert len(kept) == 0


def test_an_id_is_settled_once() -> None:
    kept = Requests()
    assert kept.settle("a", 7, 0) is None
    assert kept.settle("a", 8, 0) == 7
    assert kept.settle("", 9, 0) is None
    assert list(kept) == [("a", 7)]
