"""One node more or less, and when."""

from dataclasses import replace

from aether.core.scaling.cluster_size import (
    Crowding,
    SizeDecision,
    SizeSettings,
    SizeState,
    sized,
)

CALM = Crowding(at=0.0, nodes=3, wanted_nodes=3, least=2, most=5, unplaced=0, used=0.6)
CROWDED = replace(CALM, unplaced=4, used=1.0)
IDLE = replace(CALM, used=0.2)
RULES = SizeSettings()


def lived(
    seen: Crowding, *moments: float, state: SizeState | None = None
) -> tuple[SizeState, list[SizeDecision]]:
    state, told = state or SizeState(), []
    for at in moments:
        state, decision = sized(state, replace(seen, at=at), RULES)
        told.append(decision)
    return state, told


def test_a_node_is_asked_for_when_instances_lack_room_for_a_while() -> None:
    _, told = lived(CROWDED, 0.0, 9.0, 11.0)
    assert [decision.wish for decision in told] == ["same", "same", "more"]
    assert told[-1].wanted == 4
    assert "4 instances have had no room" in told[-1].text


def test_a_node_that_is_coming_is_waited_for_within_bounds() -> None:
    state, _ = lived(CROWDED, 0.0, 11.0)
    coming = replace(CROWDED, wanted_nodes=4)
    _, told = lived(coming, 20.0, 200.0, 320.0, state=state)
    assert [decision.wish for decision in told] == ["same", "same", "more"]


def test_the_operators_bounds_win() -> None:
    full = replace(CROWDED, nodes=5, wanted_nodes=5)
    assert lived(full, 0.0, 60.0)[1][-1].wish == "same"
    least = replace(IDLE, nodes=2, wanted_nodes=2, used=0.1)
    assert lived(least, 0.0, 5000.0)[1][-1].wanted == 2


def test_a_node_is_given_up_after_long_idleness_only() -> None:
    _, told = lived(IDLE, 0.0, 1000.0, 1801.0, 1802.0)
    assert [decision.wish for decision in told] == ["same", "same", "less", "same"]
    assert told[2].wanted == 2
    state, _ = lived(IDLE, 0.0, 1000.0)
    state, _ = lived(replace(CALM, used=0.9), 1100.0, state=state)
    assert lived(IDLE, 1900.0, state=state)[1][0].wish == "same"
