"""Plans of faults are drawn from the seed, and each fault has dice of its own."""

from aether_forge.sim.raft.nemesis import KINDS, chosen, plan


def test_a_seed_has_one_plan_in_order_of_time() -> None:
    assert plan(1, 8.0) == plan(1, 8.0) != plan(2, 8.0)
    for seed in range(50):
        faults = plan(seed, 8.0)
        assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
        assert 4 <= len(faults) <= 12
        assert len({fault.kind for fault in faults}) <= 7


def test_every_kind_comes_up() -> None:
    assert {fault.kind for seed in range(60) for fault in plan(seed, 8.0)} == set(KINDS)


def test_a_fault_does_the_same_when_others_are_left_out() -> None:
    faults = plan(7, 8.0)
    (alone,) = chosen(faults, [faults[2].number])
    assert alone == faults[2]
    assert alone.throw(7).random() == faults[2].throw(7).random()
    assert alone.throw(7).random() != faults[1].throw(7).random()
