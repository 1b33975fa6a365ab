from aether.store.pysyncobj.commands import NoOp
from aether.store.pysyncobj.matched import MatchedPrefix
from aether.store.pysyncobj.messages import Append, LogEntry


def append(term: int, prev: int | None, *indexes: int, entry_term: int = 1) -> Append:
    entries = [LogEntry(index, entry_term, NoOp()) for index in indexes]
    return Append(term, 0, prev, 1 if prev is not None else None, entries)


def accepted(message: Append) -> MatchedPrefix:
    matched = MatchedPrefix()
    matched.accepted(message)
    return matched


def test_nothing_is_cut_before_something_matched() -> None:
    message = append(1, 4, 5, 6)
    assert MatchedPrefix().shortened(message) is message


def test_entries_known_already_are_cut() -> None:
    matched = accepted(append(3, 4, 5, 6, entry_term=3))
    again = matched.shortened(append(3, 4, 5, 6, 7, entry_term=3))
    assert (again.prev_index, again.prev_term) == (6, 3)
    assert [entry.index for entry in again.entries] == [7]


def test_a_late_message_confirms_all_that_matched() -> None:
    matched = accepted(append(3, 4, 5, 6, entry_term=2))
    late = matched.shortened(append(3, 3, 4))
    assert (late.prev_index, late.prev_term, late.entries) == (6, 2, [])


def test_what_follows_is_left_alone() -> None:
    matched = accepted(append(3, 4, 5, 6))
    for message in (append(3, 6, 7), append(3, 8, 9), append(3, None), append(4, 4, 5)):
        assert matched.shortened(message) is message


def test_a_heartbeat_matches_to_its_end() -> None:
    matched = accepted(append(3, 9))
    assert matched.shortened(append(3, 7, 8, 9)).entries == []


def test_a_replaced_log_matches_nothing() -> None:
    matched = accepted(append(3, 4, 5, 6))
    matched.forget()
    message = append(3, 4, 5)
    assert matched.shortened(message) is message
