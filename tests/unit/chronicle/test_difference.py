from aether.chronicle.difference import difference
from aether.chronicle.records import Recorded
from aether.core.model.reason import Reason
from aether.core.store.commands import Change, Entry, Range


def entry(key: str, value: bytes, revision: int) -> Entry:
    return Entry(key, value, 1, revision, revision)


def recorded(revision: int, *changes: Change) -> Recorded:
    reason = Reason("a", "r", f"at {revision}")
    return Recorded(revision=revision, time_ms=revision, reason=reason, changes=changes)


def test_a_key_that_came_and_went_is_told_of() -> None:
    came, went = Change("node/n-1", entry("node/n-1", b"1", 5)), Change("node/n-1", None)
    (one,) = difference(Range(4, ()), Range(6, ()), [recorded(6, went), recorded(5, came)])
    assert (one.before, one.after) == (None, None)
    assert [told.revision for told in one.recorded] == [5, 6]
    assert one.subjects == ("node/n-1",)


def test_what_changed_in_a_gap_has_no_reason() -> None:
    old, new = entry("topology", b"1", 2), entry("topology", b"2", 9)
    (one,) = difference(Range(4, (old,)), Range(9, (new,)), [])
    assert (one.before, one.after, one.recorded) == (old, new, ())


def test_what_did_not_change_is_left_out() -> None:
    same = entry("topology", b"1", 2)
    assert difference(Range(4, (same,)), Range(9, (same,)), []) == []
