from aether.core.store.commands import Entry, Range
from aether_forge.sim.raft.history import READ, WRITE, Operation, Value
from tests.soak.checks import MOST_SHOWN, violations
from tests.soak.ledger import Fate, Line
from tests.soak.workload import Record

KEY = "soak/r1/register/0"


def record(*seen: tuple[str, str | None]) -> Record:
    """Make the history of one client that wrote and read one after the other."""
    made = Record()
    for kind, value in seen:
        said = None if value is None else Value(value)
        written = said if kind == WRITE else None
        operation = made.history.call(Operation(0, KEY, kind, written), 0.0)
        made.history.finish(operation, said if kind == READ else None, 0.0)
    return made


def holding(value: str, revision: int = 3) -> Range:
    return Range(revision, (Entry(KEY, value.encode(), 2, revision, 1),))


def test_a_history_that_can_be_explained_is_no_violation() -> None:
    assert violations(record((WRITE, "a"), (READ, "a"), (WRITE, "b")), {"n1": holding("b")}) == []


def test_a_stale_read_is_found() -> None:
    found = violations(
        record((WRITE, "a"), (WRITE, "b"), (READ, "a"), (WRITE, "c")), {"n1": holding("c")}
    )
    assert len(found) == 1
    assert "is not linearizable" in found[0]


def test_a_value_that_went_back_in_the_end_is_found() -> None:
    found = violations(record((WRITE, "a"), (WRITE, "b")), {"n1": holding("a")})
    assert "is not linearizable" in found[0]


def test_members_that_differ_are_named() -> None:
    finals = {"n1": holding("b"), "n2": holding("b", 4)}
    found = violations(record((WRITE, "b")), finals)
    assert [words for words in found if words.startswith("n2 and n1 disagree")]


def test_of_many_lost_writes_some_are_shown() -> None:
    made = record()
    made.ledger.lines = [
        Line(f"soak/r1/ledger/0/{number}", b"", Fate.ACKNOWLEDGED, 0.0) for number in range(50)
    ]
    found = violations(made, {"n1": Range(9, ())})
    assert len(found) == MOST_SHOWN + 1
    assert found[-1] == f"... and {50 - MOST_SHOWN} more"


def test_what_no_client_should_hear_is_a_violation() -> None:
    made = record()
    made.surprises.append("invalid: no such thing")
    assert violations(made, {}) == ["a client was told invalid: no such thing"]


def test_the_longest_gap_counts_the_ends() -> None:
    made = Record()
    made.acknowledged_at = [12.0, 11.0, 17.5]
    assert made.longest_gap_s(10.0, 18.0) == 5.5
    assert made.longest_gap_s(10.0, 30.0) == 12.5
