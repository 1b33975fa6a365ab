from aether.core.store.commands import Change, Delete, DeletePrefix, Put
from aether.core.store.state import KvState


def test_changes_are_sorted_and_net() -> None:
    state = KvState()
    changes = state.changed((Put("b", b"1"), Put("a", b"1"), Put("b", b"2"), Delete("c")))
    assert [(c.key, c.entry.value if c.entry else None) for c in changes] == [
        ("a", b"1"),
        ("b", b"2"),
    ]
    assert (state.revision, len(state)) == (1, 2)


def test_a_prefix_takes_what_the_txn_put_before_it() -> None:
    state = KvState()
    state.changed((Put("p/1", b""), Put("q", b"")))
    changes = state.changed((Put("p/2", b""), DeletePrefix("p/"), Put("p/3", b"")))
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
