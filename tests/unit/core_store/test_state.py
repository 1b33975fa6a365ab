from aether.core.store.commands import MAX_DELETED, Change, Delete, DeletePrefix, Put
from aether.core.store.state import KvState


def test_changes_are_sorted_and_net() -> None:
    state = KvState()
    changes, _ = state.changed((Put("b", b"1"), Put("a", b"1"), Put("b", b"2"), Delete("c")))
    assert [(c.key, c.entry.value if c.entry else None) for c in changes] == [
        ("a", b"1"),
        ("b", b"2"),
    ]
    assert (state.revision, len(state)) == (1, 2)


def test_a_prefix_takes_what_the_txn_put_before_it() -> None:
    state = KvState()
    state.changed((Put("p/1", b""), Put("q", b"")))
    changes, _ = state.changed((Put("p/2", b""), DeletePrefix("p/"), Put("p/3", b"")))
    assert [c.key for c in changes] == ["p/1", "p/3"]
    assert changes[0] == Change("p/1", None)
    assert [entry.key for entry in state.under("")] == ["p/3", "q"]


def test_a_key_made_again_starts_anew() -> None:
    state = KvState()
    state.changed((Put("k", b""),))
    state.changed((Delete("k"),))
    state.changed((Put("k", b""),))
    entry = state.get("k")
    assert entry is not None
    assert (entry.create_revision, entry.mod_revision, entry.version) == (3, 3, 1)


def test_what_was_replaced_is_told() -> None:
    state = KvState()
    (first,), before = state.changed((Put("k", b"1"),))
    assert before == (None,)
    changes, before = state.changed((Delete("k"), Put("a", b"")))
    assert [change.key for change in changes] == ["a", "k"]
    assert before == (None, first.entry)


def test_sizes_follow_puts_and_deletes() -> None:
    state = KvState()
    state.changed((Put("key", bytes(1000)), Put("other", b"")))
    full = state.bytes
    state.changed((Put("key", bytes(10)),))
    assert state.bytes == full - 990
    state.changed((DeletePrefix(""),))
    assert state.bytes == 0


def test_a_prefix_ends_where_its_last_character_does() -> None:
    state = KvState()
    keys = ["a", "a\U0010ffff", "a\U0010ffffz", "b", "\ud7ff", "\ud7ffx", "\ue000", "\U0010ffff"]
    state.changed(tuple(Put(key, b"") for key in keys))
    for prefix in ["", "a", "a\U0010ffff", "b", "\ud7ff", "\U0010ffff", "c"]:
        wanted = sorted(key for key in keys if key.startswith(prefix))
        assert [entry.key for entry in state.under(prefix)] == wanted
    assert [entry.key for entry in state.under("a", "a\U0010ffffz")] == ["a\U0010ffffz"]
    assert list(state.under("a", "b")) == []


def test_a_moment_stays_as_it_was_and_costs_nothing_when_nobody_holds_it() -> None:
    state = KvState()
    state.changed((Put("a", b"1"), Put("b", b"1"), Put("c", b"1")))
    moment, later = state.moment(), state.moment()
    state.changed((Put("a", b"2"),))
    state.changed((Delete("b"), Put("c", b"2"), Put("d", b"1")))
    state.changed((Put("b", b"3"),))
    for held in (moment, later):
        assert [(key, held.entry(key).value) for key in held.keys] == [
            ("a", b"1"),
            ("b", b"1"),
            ("c", b"1"),
        ]
    del moment, later, held
    state.changed((Put("a", b"4"),))
    assert state._moments == []


def test_a_prefix_that_holds_too_many_keys_is_refused_whole() -> None:
    """Applied in one step it would cost the leader its heartbeats."""
    state = KvState()
    for start in range(0, MAX_DELETED, 500):
        state.changed(tuple(Put(f"a/{n:06}", b"") for n in range(start, start + 500)))
    state.changed((Put("b/1", b""), Put("c\U0010ffff", b"")))
    assert state.refusal((DeletePrefix("a/"),), 10) is None
    for operations in [
        (DeletePrefix("a/"), DeletePrefix("b/")),
        (DeletePrefix(""),),
        (Delete("b/1"), DeletePrefix("a/"), DeletePrefix("c\U0010ffff")),
    ]:
        refused = state.refusal(operations, 10)
        assert refused is not None
        assert refused[0] == "too_many"
        assert str(MAX_DELETED) in refused[1]


def test_new_keys_are_in_order_whenever_somebody_looks() -> None:
    state = KvState()
    keys = [f"k{number * 7919 % 3000:04}" for number in range(3000)]
    for count, key in enumerate(keys, 1):
        state.put(Put(key, b"v"))
        if count in (1, 1000, 1024, 2500):
            assert [entry.key for entry in state.under("")] == sorted(keys[:count])
    state.changed([Delete(keys[-1])])
    assert state.moment().keys == sorted(keys[:-1])
