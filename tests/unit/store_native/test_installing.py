"""A machine keeps its old state until the new one is whole."""

import pytest

from aether.core.model.ids import NodeId
from aether.store.native.installing import SLICE_S, Installing
from tests.unit.store_native.native_rig import ListMachine
from tests.unit.store_native.test_sending import POINT, files

A = NodeId("a")


def world(step_s: float) -> tuple[Installing, ListMachine]:
    machine, time = ListMachine(), [0.0]
    machine.commands = [b"old"]

    def stopwatch() -> float:
        time[0] += step_s
        return time[0]

    return Installing(files(20), machine, stopwatch), machine


def test_it_goes_in_slices_and_changes_all_at_once() -> None:
    installing, machine = world(SLICE_S / 3)
    assert not installing.step()
    installing.begin(A, POINT)
    steps = 1
    while not installing.step():
        assert machine.commands == [b"old"]
        steps += 1
    assert steps > 3
    assert machine.commands == [b"old"]
    assert installing.finish() == POINT
    assert len(machine.commands) == 20
    assert installing.finish() is None


def test_what_the_machine_refuses_leaves_the_old_state() -> None:
    installing, machine = world(0.0)
    installing.begin(A, POINT)
    assert installing.now is not None
    installing.now.parts = iter([b"fine", b"poison"])
    with pytest.raises(ValueError, match="cannot be"):
        installing.step()
    assert installing.now is None
    assert machine.commands == [b"old"]
