import pytest

from aether.core.model.reason import Reason
from aether.core.store.commands import Change, Changes, Entry
from aether.errors import Invalid, TooLarge
from aether.store.remote.mirror import MOST_CHANGED, Mirror

REASON = Reason("test", "unit", "because")


def entry(key: str, revision: int) -> Entry:
    return Entry(key, b"%d" % revision, 1, revision, 1)


def changed(revision: int, *changes: Change) -> Changes:
    return Changes(revision, REASON, changes)


def keys(mirror: Mirror, *prefixes: str) -> list[str]:
    return [entry.key for entry in mirror.level(prefixes).entries]


def test_it_is_what_was_read_and_then_changed() -> None:
    mirror = Mirror()
    assert not mirror.is_filled
    mirror.fill(5, [entry("a/2", 5), entry("a/1", 2), entry("b", 3)])
    mirror.change(changed(6, Change("a/3", entry("a/3", 6)), Change("a/2", None)))
    mirror.change(changed(7, Change("nowhere", None)))
    assert mirror.is_filled
    assert keys(mirror, "a/", "b") == ["a/1", "a/3", "b"]
    assert keys(mirror, "b", "b") == ["b"]
    assert mirror.level(["a/"]).revision == mirror.revision == 7


def test_it_never_goes_back() -> None:
    mirror = Mirror()
    mirror.fill(5, [entry("b", 5)])
    mirror.change(changed(5, Change("b", None)))
    mirror.reached(4)
    mirror.fill(4, [])
    assert (mirror.revision, keys(mirror, "b")) == (5, ["b"])
    mirror.reached(8)
    mirror.change(changed(8, Change("b", None)))
    assert (mirror.revision, keys(mirror, "b")) == (8, ["b"])


@pytest.mark.parametrize("prefix", ["", "a", "app", "app/", "app/x:y/"])
def test_data_of_slices_is_not_in_it(prefix: str) -> None:
    with pytest.raises(Invalid, match="range"):
        Mirror().level([prefix])


def test_while_nothing_changes_under_the_prefixes_the_entries_are_the_very_same() -> None:
    mirror = Mirror()
    mirror.fill(5, [entry("a/1", 5), entry("b/1", 3)])
    before = mirror.level(("a/",))
    assert mirror.level(["a/"]) is before
    mirror.change(changed(6, Change("b/1", entry("b/1", 6))))
    mirror.reached(9)
    after = mirror.level(("a/",))
    assert (before.revision, after.revision) == (5, 9)
    assert after.entries is before.entries
    mirror.change(changed(10, Change("a/1", entry("a/1", 10))))
    assert [one.mod_revision for one in mirror.level(("a/",)).entries] == [10]
    assert [one.mod_revision for one in before.entries] == [5]


def test_keys_that_are_read_anew_and_found_as_they_were_are_the_very_same_too() -> None:
    mirror = Mirror()
    mirror.fill(5, [entry("a/1", 5), entry("b/1", 3)])
    before = mirror.level(("a/",))
    mirror.fill(7, [entry("a/1", 5), entry("b/1", 7)])
    assert mirror.level(("a/",)).entries is before.entries
    mirror.fill(7, [entry("a/2", 6), entry("b/1", 7)])
    assert keys(mirror, "a/") == ["a/2"]
    assert mirror.level(("a/",)).revision == 7


def test_a_level_that_more_was_changed_since_than_is_remembered_is_read_anew() -> None:
    mirror = Mirror()
    mirror.fill(1, [entry("a/0", 1)])
    assert keys(mirror, "a/") == ["a/0"]
    for revision in range(2, MOST_CHANGED + 20):
        name = f"a/{revision % 7}"
        mirror.change(changed(revision, Change(name, entry(name, revision))))
    assert mirror.changed_since(19) is not None
    assert mirror.changed_since(18) is None
    read = mirror.level(("a/",)).entries
    assert [one.key for one in read] == [f"a/{number}" for number in range(7)]
    assert max(one.mod_revision for one in read) == MOST_CHANGED + 19


def test_a_prefix_that_cannot_be_is_refused() -> None:
    with pytest.raises(TooLarge, match="prefix"):
        Mirror().level(["a/", "x" * 5000])
