"""Laws of the leader's scaling: bounds hold, people win, what is held stays, proposals never do harm."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.proposals import Asked, decide, inputs_of
from aether.core.control.replay import reevaluate
from aether.core.control.scaling import scale, why_held
from aether.core.control.signals import ScaleWish, Signals
from aether.core.model.plan import carry_out
from aether.core.model.reason import Reason
from aether.core.model.scaling import Scaling, first_instances
from tests.scaling_world import running, scaled
from tests.worlds import SHOP

COUNTS = st.integers(1, 12)
BECAUSE = Reason("", "scaling.load", "there is load")


@st.composite
def bounds(draw: st.DrawFn) -> tuple[int, int]:
    least = draw(st.integers(1, 6))
    return least, draw(st.integers(least + 1, 12))


@settings(max_examples=60)
@given(COUNTS, COUNTS, bounds(), st.integers(6, 8), st.integers(1, 2), st.booleans())
def test_no_wish_leaves_the_bounds_or_touches_another_target(
    present: int, wanted: int, limits: tuple[int, int], based_on: int, generation: int, old: bool
) -> None:
    least, most = limits
    record = scaled(present, least=least, most=most)
    view = running(present, replace(record, version="2.0.0") if old else record)
    wish = ScaleWish(instances=wanted, based_on=based_on, generation=generation, because=BECAUSE)
    steps = list(scale(view, Signals(reign_began=0.0, scale={SHOP: wish})))
    after = carry_out(view, steps).targets[SHOP]
    if steps:
        assert least <= after.instances <= most
        assert (based_on, generation) == (7, 1)
        assert why_held(view, SHOP) == ""
        assert replace(after, instances=present, scaled_by="") == view.targets[SHOP]
    else:
        assert after == view.targets[SHOP]


@given(st.none() | COUNTS, COUNTS, bounds() | st.none())
def test_applying_never_takes_away_what_load_called_for_within_the_bounds(
    present: int | None, asked: int, limits: tuple[int, int] | None
) -> None:
    scaling = Scaling(least=limits[0], most=limits[1]) if limits else None
    first = first_instances(present, asked, scaling)
    if scaling is None or present is None:
        assert first == asked
    else:
        assert first >= asked
        assert first >= min(present, scaling.most)
        assert first <= max(asked, present)


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    least, most = draw(bounds())
    return Asked(
        instances=draw(COUNTS),
        target=draw(COUNTS),
        least=least,
        most=most,
        room=draw(st.integers(0, 15)),
        need=draw(st.integers(0, 15)),
        held=draw(st.sampled_from(["", "a roll-out runs"])),
        keep=draw(st.sampled_from(["", "blind", "failing", "new"])),
        since_advice_s=draw(st.floats(0, 200)),
        cooldown_s=draw(st.floats(0, 100)),
    )


@given(questions())
def test_a_proposal_that_is_taken_is_within_every_guard(asked: Asked) -> None:
    decision = decide(asked)
    if decision == "take":
        assert asked.least <= asked.instances <= asked.most
        assert not asked.held
        assert not asked.keep or asked.instances > asked.target
        assert asked.instances <= max(asked.room, asked.target)
        assert asked.instances >= min(asked.need, asked.target)
        assert asked.since_advice_s >= asked.cooldown_s
    else:
        assert decision.startswith("refuse ")


@given(questions())
def test_a_decision_about_a_proposal_can_be_made_again(asked: Asked) -> None:
    decision = decide(asked)
    assert reevaluate(Reason("", "scaling.advisor", "", inputs_of(asked, decision))) == decision
