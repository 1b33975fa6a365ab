"""Appointments are kept in order, and time moves with them."""

from aether_forge.sim.raft.agenda import Agenda, dice


def test_appointments_are_kept_by_time_then_by_when_they_were_made() -> None:
    agenda = Agenda()
    kept: list[str] = []
    agenda.at(2.0, lambda: kept.append("late"))
    agenda.at(1.0, lambda: kept.append("first"))
    agenda.at(1.0, lambda: kept.append("second"))
    agenda.at(1.5, lambda: kept.append("never")).cancel()
    agenda.run_until(1.7)
    assert kept == ["first", "second"]
    assert agenda.now == 1.7
    agenda.run_until(3.0)
    assert kept[-1] == "late"
    assert agenda.happened == 3


def test_a_run_stops_where_it_is_told_to() -> None:
    agenda = Agenda()
    kept: list[float] = []
    for when in (1.0, 2.0, 3.0):
        agenda.at(when, lambda: kept.append(agenda.now))
    agenda.run_until(9.0, stop=lambda: len(kept) == 2)
    assert (kept, agenda.now) == ([1.0, 2.0], 2.0)


def test_dice_of_one_concern_do_not_depend_on_others() -> None:
    assert dice(1, "a").random() == dice(1, "a").random() != dice(1, "b").random()
