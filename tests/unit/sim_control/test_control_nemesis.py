"""Plans of faults: a function of the seed, in order of time, of all kinds over many seeds."""

from aether_forge.sim.control.nemesis import ACTS, FAULTS, chosen, plan


def test_a_plan_is_a_function_of_the_seed_and_in_order() -> None:
    assert plan(5, 60.0) == plan(5, 60.0)
    for seed in range(50):
        times = [fault.at for fault in plan(seed, 60.0)]
        assert times == sorted(times)
        assert all(12.0 <= at <= 72.0 for at in times)


def test_every_kind_comes_up_and_only_those_asked_for() -> None:
    kinds = {fault.kind for seed in range(400) for fault in plan(seed, 60.0)}
    assert kinds == {*FAULTS, *ACTS}
    assert {fault.kind for seed in range(50) for fault in plan(seed, 60.0, ["drain"])} == {"drain"}


def test_some_of_a_plan_can_be_left_out() -> None:
    whole = plan(5, 60.0)
    assert chosen(whole, [0, 2]) == [whole[0], whole[2]]
    assert chosen(whole, None) == whole
