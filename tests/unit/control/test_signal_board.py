"""What the leader hears and how long things have been as they are."""

from dataclasses import replace

from aether.control.signal_board import SignalBoard
from aether.core.control.signals import Restless, Signals
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import Dependency, WantedRecord
from tests.worlds import (
    SHOP,
    STOCK,
    fact,
    node_record,
    nodes,
    placed,
    target,
    wish,
    with_instance,
)

N1 = NodeId("n1")
WHERE = placed("n1", f"{SHOP}:1.0.0/0")
VIEW = with_instance(nodes("n1"), *WHERE, wish(Desired.LOAD, 1), fact(Phase.LOADING, 1))


def test_the_first_report_of_each_life_is_told_apart() -> None:
    board = SignalBoard()
    assert board.hear(N1, "life-1", 1.0)
    assert not board.hear(N1, "life-1", 2.0)
    assert board.hear(N1, "life-2", 3.0)
    assert board.look(nodes("n1"), 4.0).heard[N1].at == 3.0


def test_a_life_counts_from_when_it_was_first_seen_registered() -> None:
    board = SignalBoard()
    assert board.look(nodes("n1"), 4.0).registered == {N1: 4.0}
    assert board.look(nodes("n1"), 9.0).registered == {N1: 4.0}
    reborn = replace(nodes("n1"), nodes={N1: node_record("n1", "life-2")})
    assert board.look(reborn, 10.0).registered == {N1: 10.0}
    assert not board.look(nodes(), 11.0).registered


def test_time_in_a_state_counts_from_when_it_was_first_seen() -> None:
    board = SignalBoard()
    assert board.look(VIEW, 10.0).in_state_for(WHERE, 10.0) == 0.0
    assert board.look(VIEW, 15.0).in_state_for(WHERE, 15.0) == 5.0
    loaded = with_instance(VIEW, *WHERE, wish(Desired.LOAD, 1), fact(Phase.LOADED, 1))
    assert board.look(loaded, 16.0).in_state_for(WHERE, 16.0) == 0.0


def test_time_in_a_state_counts_anew_from_what_the_wish_has_learned() -> None:
    board = SignalBoard()
    serves = with_instance(nodes("n1"), *WHERE, wish(), fact())
    board.look(serves, 10.0)
    learned = replace(serves, wanted={WHERE: replace(wish(), tried=(NodeId("n2"),))})
    assert board.look(learned, 700.0).in_state_for(WHERE, 700.0) == 0.0
    assert board.look(learned, 800.0).in_state_for(WHERE, 800.0) == 100.0


def test_what_left_the_view_leaves_the_board() -> None:
    board = SignalBoard()
    board.hear(N1, "life-1", 1.0)
    board.look(VIEW, 1.0)
    gone = board.look(replace(nodes(), wanted={}), 2.0)
    assert not gone.heard
    assert not gone.since


def test_a_new_reign_starts_the_clocks_anew() -> None:
    board = SignalBoard()
    board.look(VIEW, 1.0)
    board.note_plan(1.0, empty=True)
    board.begin_reign(50.0)
    signals = board.look(VIEW, 50.0)
    assert signals.in_state_for(WHERE, 50.0) == 0.0
    assert signals.reign_began == 50.0
    assert signals.calm_since == float("inf")


def test_calm_counts_from_the_first_of_empty_plans_in_a_row() -> None:
    board = SignalBoard()
    for now, empty in ((1.0, True), (2.0, True), (3.0, False), (4.0, True)):
        board.note_plan(now, empty=empty)
    assert board.look(nodes(), 5.0).calm_since == 4.0


def test_a_slice_is_down_from_when_nothing_of_it_serves_and_a_new_reign_counts_anew() -> None:
    board = SignalBoard()
    needs = replace(target(), dependencies=(Dependency(slice=STOCK),))
    view = replace(VIEW, targets={SHOP: needs})
    assert board.look(view, 4.0).slice_down_since == {SHOP: 4.0, STOCK: 4.0}
    up = replace(with_instance(view, *WHERE, wish(), fact()), targets={SHOP: needs})
    assert board.look(up, 6.0).slice_down_since == {STOCK: 4.0}
    assert board.look(view, 9.0).slice_down_since == {SHOP: 9.0, STOCK: 4.0}
    board.begin_reign(20.0)
    assert board.look(view, 21.0).slice_down_since == {SHOP: 21.0, STOCK: 21.0}
    assert board.look(nodes("n1"), 22.0).slice_down_since == {}


def test_a_fact_nobody_wants_is_watched_too() -> None:
    board = SignalBoard()
    view = replace(nodes("n1"), phases={WHERE: fact()})
    assert board.look(view, 4.0).since == {WHERE: 4.0}
    assert board.look(view, 9.0).since == {WHERE: 4.0}


def begin_life(board: SignalBoard, number: int, now: float, wanted: WantedRecord) -> Signals:
    """The node begins another life and the instance is on its way there."""
    life = f"life-{number}"
    reborn = replace(nodes("n1"), nodes={N1: node_record("n1", life)})
    return board.look(
        with_instance(reborn, *WHERE, wanted, fact(Phase.LOADING, 1, incarnation=life)), now
    )


def test_lives_of_a_node_count_until_the_instance_is_steady_or_tried_anew() -> None:
    board, wanted = SignalBoard(), wish(Desired.LOAD, 1)
    assert not begin_life(board, 1, 0.0, wanted).restless
    assert begin_life(board, 2, 5.0, wanted).restless == {WHERE: Restless(1, 5.0)}
    assert begin_life(board, 3, 10.0, wanted).restless == {WHERE: Restless(2, 5.0)}
    done = replace(
        with_instance(nodes("n1"), *WHERE, wanted, fact(Phase.LOADED, 1, incarnation="life-3")),
        nodes={N1: node_record("n1", "life-3")},
    )
    board.look(done, 12.0)
    assert begin_life(board, 4, 15.0, wanted).restless == {WHERE: Restless(3, 5.0)}
    board.look(replace(done, nodes={N1: node_record("n1", "life-3")}), 16.0)
    again = replace(wanted, attempt=1)
    assert not board.look(with_instance(done, *WHERE, again, None), 17.0).restless


def test_a_node_that_restarts_now_and_then_disturbs_nobody_for_long() -> None:
    board, wanted = SignalBoard(), wish(Desired.LOAD, 1)
    for number in range(1, 20):
        life, now = f"life-{number}", 60.0 * number
        signals = begin_life(board, number, now, wanted)
        assert all(restless.lives == 1 for restless in signals.restless.values())
        home = replace(nodes("n1"), nodes={N1: node_record("n1", life)})
        loaded = fact(Phase.LOADED, 1, incarnation=life)
        board.look(with_instance(home, *WHERE, wanted, loaded), now + 5.0)
    board.begin_reign(9000.0)
    assert not board.look(nodes("n1"), 9000.0).restless
