"""Scenarios are played: events in their time, expectations kept or told."""

import msgspec

from aether_forge.sim.control.expectations import Expect
from aether_forge.sim.control.play import play, told
from aether_forge.sim.control.scenario import Event, Hosts, Scenario, Slice

CALM = Scenario(
    title="calm",
    nodes=3,
    hosts=Hosts(slowest_step_s=0.2),
    slices=[Slice(slice="stock", instances=2)],
    expect=[Expect(by=5, met=True), Expect(by=5, since=0, slice="stock", at_least=2)],
)


def test_a_calm_scenario_is_as_expected_and_a_function_of_its_seed() -> None:
    played = play(CALM)
    assert played.violations == ()
    assert played.deployed_s > 0
    assert play(CALM).digest == played.digest


def test_what_was_expected_and_never_was_is_told() -> None:
    wrong = msgspec.structs.replace(CALM, expect=[Expect(by=3, slice="stock", active=3)])
    lines, good = told(wrong)
    assert not good
    assert lines[-1].strip() == (
        "expected by 3 s: slice stock, active 3, but org.example:stock has 2 ACTIVE"
    )


def test_what_held_for_a_while_only_is_told() -> None:
    events = [Event(at=2, do="scale", slice="stock", to=1)]
    fell = msgspec.structs.replace(
        CALM, events=events, expect=[Expect(by=20, since=0, slice="stock", instances=2)]
    )
    (violation,) = play(fell).violations
    assert "has 1 instances" in violation or "has 2 ACTIVE" in violation


def test_events_happen_to_whom_they_name() -> None:
    events = [
        Event(at=1, do="drain", node="node-2"),
        Event(at=1, do="split", nodes=["node-3"], lasts=3.0),
    ]
    played = play(
        msgspec.structs.replace(
            CALM, events=events, expect=[Expect(by=40, node="node-2", verdict="DECOMMISSIONED")]
        )
    )
    assert played.violations == ()
    assert any("node-3 cut off for 3.0 s" in line for line in played.lines)
