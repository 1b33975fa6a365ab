"""What a failed move teaches."""

from dataclasses import replace
from random import Random

from aether.core.control.balance import RULES, rebalance
from aether.core.control.convergence import converge
from aether.core.control.moves import stay_after_failed_move, victim_of
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Wish
from aether.core.model.records import Failure
from aether.core.model.view import ClusterView
from tests.lives import Life
from tests.worlds import (
    SHOP,
    all_heard,
    fact,
    nodes,
    placed,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

VICTIM = placed("n1", f"{SHOP}:1.0.0/0")
MOVER = placed("n2", f"{SHOP}:1.0.0/9")


def moving(failure: Failure | None) -> ClusterView:
    view = with_blueprint(nodes("n1", "n2"), spec(f"{SHOP}:1.0.0", 3))
    view = replace(view, targets={SHOP: target(instances=3)})
    for ordinal in range(3):
        view = with_instance(view, "n1", f"{SHOP}:1.0.0/{ordinal}", wish(), fact())
    mover = replace(wish(Desired.LOAD, 1), replaces=f"{VICTIM[0]}/{VICTIM[1]}")
    state = fact(Phase.FAILED if failure else Phase.LOADING, 1, failure=failure)
    return with_instance(view, *MOVER, mover, state)


def test_the_victim_is_known_while_it_is_there() -> None:
    view = moving(None)
    assert victim_of(view, MOVER) == VICTIM
    assert victim_of(view, VICTIM) is None
    gone = {where: record for where, record in view.wanted.items() if where != VICTIM}
    assert victim_of(replace(view, wanted=gone), MOVER) is None


def test_a_mover_that_can_never_work_goes_and_its_node_is_remembered() -> None:
    view = moving(Failure(kind="fatal", message="wrong processor"))
    steps = list(converge(view, all_heard(view, 5000.0), ControlSettings(), 5000.0))
    wishes = {(step.node, step.instance): step.record for step in steps if isinstance(step, Wish)}
    assert wishes[MOVER].desired is Desired.UNLOAD
    assert wishes[VICTIM].desired is Desired.ACTIVATE
    assert wishes[VICTIM].generation == view.wanted[VICTIM].generation
    assert wishes[VICTIM].tried == ("n2",)


def test_a_lesson_is_learned_once() -> None:
    view = moving(None)
    (step,) = stay_after_failed_move(view, MOVER)
    learned = replace(view, wanted={**view.wanted, VICTIM: step.record})
    assert list(stay_after_failed_move(learned, MOVER)) == []


def test_no_move_goes_to_a_node_that_gave_the_instance_up() -> None:
    view = moving(None)
    wanted = {
        where: replace(record, tried=(NodeId("n2"),))
        for where, record in view.wanted.items()
        if where != MOVER
    }
    settled = replace(
        view, wanted=wanted, phases={w: p for w, p in view.phases.items() if w != MOVER}
    )
    assert rebalance(settled) is None
    assert rebalance(replace(settled, wanted=dict.fromkeys(wanted, wish()))) is not None


def test_the_reason_of_a_lesson_can_be_decided_again() -> None:
    (step,) = stay_after_failed_move(moving(None), MOVER)
    inputs = step.because.inputs
    assert RULES["balance"](inputs) == inputs["decision"] == "avoid n2"


def test_a_reference_that_nobody_can_read_replaces_nothing() -> None:
    odd = replace(wish(Desired.LOAD, 1), replaces="n1/not an instance")
    view = with_instance(nodes("n1", "n2"), *MOVER, odd, None)
    assert victim_of(view, MOVER) is None


def test_a_move_that_failed_is_not_made_again_at_once_though_the_victim_has_served_long() -> None:
    life = Life(nodes("n1", "n2"))
    life.apply([spec(f"{SHOP}:1.0.0")])
    dice = Random(1)
    life.pass_time(dice, 20)
    life.now += 700.0
    life.pass_time(dice, 5)
    (victim,) = life.view.wanted
    life.drain(victim[0])
    begun = []
    for _ in range(400):
        life.now += 1.0
        begun += [command for command in life.look().commands if command.because.rule == "drain"]
        life.answer(dice)
        phases = dict(life.view.phases)
        for there, wanted in life.view.wanted.items():
            if wanted.replaces and wanted.desired is Desired.LOAD:
                fatal = Failure(kind="fatal", message="it has no disk of that kind")
                phases[there] = fact(Phase.FAILED, wanted.generation, "life-1", fatal)
        life.view = replace(life.view, phases=phases)
    assert len(begun) == 1
    assert life.view.is_active(victim)
