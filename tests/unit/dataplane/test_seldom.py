"""What is said once in a while."""

from aether.dataplane.seldom import SUBJECTS, Seldom


def test_each_subject_has_its_own_pause() -> None:
    seldom = Seldom(each_s=10.0)
    asked = [("a", 0.0), ("a", 9.9), ("b", 9.9), ("a", 10.0), ("a", 19.9), ("b", 20.0)]
    assert [seldom.is_due(*each) for each in asked] == [True, False, True, True, False, True]


def test_what_was_said_longest_ago_is_forgotten_first() -> None:
    seldom = Seldom(each_s=1e9)
    assert all(seldom.is_due(str(number), float(number)) for number in range(SUBJECTS))
    assert not seldom.is_due("0", 100.0)
    assert seldom.is_due("one more", 100.0)
    assert seldom.is_due("0", 101.0)
    assert not seldom.is_due("one more", 102.0)
