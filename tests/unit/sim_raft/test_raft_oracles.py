"""What is told about the end of a run."""

from aether.core.model.ids import NodeId
from aether_forge.sim.raft.history import READ, WRITE, History, Operation, Value
from aether_forge.sim.raft.oracles import differences, judge, lost_or_risen


def done(history: History, key: str, value: str | None, *, known: bool = True) -> None:
    one = Operation(1, key, WRITE, None if value is None else Value(value))
    history.call(one, 0.0)
    if known:
        history.finish(one, None, 1.0)


def test_lost_writes_and_deletes_that_came_undone_are_told() -> None:
    history = History()
    done(history, "u1.1", "a")
    done(history, "u1.2", "b")
    done(history, "u1.2", None)
    done(history, "u1.3", "c")
    done(history, "u1.3", None, known=False)
    done(history, "u1.4", "d", known=False)
    done(history, "u1.4", None)
    assert lost_or_risen(history, {"u1.1": "a"}, "n1") == []
    assert lost_or_risen(history, {"u1.1": "a", "u1.3": "c", "u1.4": "d"}, "n1") == []
    (lost,) = lost_or_risen(history, {}, "n1")
    assert "n1 lost an acknowledged write" in lost
    (risen,) = lost_or_risen(history, {"u1.1": "a", "u1.2": "b"}, "n1")
    assert "where a delete was acknowledged" in risen


def test_a_history_nothing_explains_is_told_small() -> None:
    history = History()
    for number in range(20):
        done(history, "r0", f"v{number}")
    history.finish(history.call(Operation(2, "r0", READ), 2.0), Value("v3"), 3.0)
    (problem,) = judge(history)
    assert "r0: no order explains" in problem
    assert len(problem.splitlines()) <= 4


def test_members_at_rest_hold_the_same() -> None:
    one, two = NodeId("n1"), NodeId("n2")
    assert differences([]) == []
    assert differences([(one, {"a": "1"}), (two, {"a": "1"})]) == []
    assert differences([(one, {"a": "1"}), (two, {})]) == [
        "n2 and n1 hold different entries at rest"
    ]
