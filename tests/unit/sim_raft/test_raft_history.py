"""What a history keeps for judgement."""

from aether_forge.sim.raft.history import READ, WRITE, History, Operation, Value


def test_refused_operations_and_unknown_reads_say_nothing() -> None:
    history = History()
    known = history.call(Operation(1, "a", WRITE, Value("1")), 0.0)
    unknown = history.call(Operation(2, "a", WRITE, Value("2")), 0.1)
    refused = history.call(Operation(3, "a", WRITE, Value("3")), 0.2)
    history.call(Operation(4, "a", READ), 0.3)
    read = history.call(Operation(5, "b", READ), 0.3)
    history.finish(known, None, 0.4)
    history.refuse(refused, 0.5)
    history.finish(read, Value("1"), 0.6)
    assert history.by_key() == {"a": [known, unknown], "b": [read]}
    assert (known.is_open, unknown.is_open, refused.is_open) == (False, True, False)
    assert known.called < unknown.called < known.returned < read.returned


def test_operations_read_like_sentences() -> None:
    history = History()
    one = history.call(Operation(1, "a", WRITE, None, node="n1"), 1.0)
    assert "unknown  client 1 at n1: a delete" in str(one)
    history.finish(one, None, 1.25)
    assert "1.000 ..    1.250" in str(one)
