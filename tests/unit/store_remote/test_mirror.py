import pytest

from aether.core.model.reason import Reason
from aether.core.store.commands import Change, Changes, Entry
from aether.errors import Invalid
from aether.store.remote.mirror import Mirror

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
