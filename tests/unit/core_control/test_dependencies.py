"""Slices that need each other: circles, chains, and what a loss does."""

from dataclasses import replace

from aether.core.control.dependencies import (
    RULES,
    Needs,
    chain,
    find_cycle,
    follow_losses,
    missing,
)
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Wish
from aether.core.model.records import Dependency
from aether.core.model.view import ClusterView
from tests.worlds import (
    SHOP,
    STOCK,
    all_heard,
    fact,
    nodes,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

MAIL = SliceBase("org.example:mail")

A, B, C = SliceBase("x:a"), SliceBase("x:b"), SliceBase("x:c")


def needs(*bases: SliceBase, required: bool = True) -> tuple[Dependency, ...]:
    return tuple(Dependency(slice=base, required=required) for base in bases)


def test_a_line_has_no_circle() -> None:
    assert find_cycle({A: needs(B), B: needs(C), C: ()}) == []


def test_a_circle_is_returned_from_a_slice_back_to_itself() -> None:
    circle = find_cycle({A: needs(B), B: needs(C), C: needs(A)})
    assert circle[0] == circle[-1]
    assert set(circle) == {A, B, C}


def test_an_optional_need_closes_no_circle() -> None:
    assert find_cycle({A: needs(B), B: needs(A, required=False)}) == []


def world(**more: object) -> ClusterView:
    """The shop requires the stock and can do without the mail; both are ACTIVE on n1."""
    dependencies = (Dependency(slice=STOCK), Dependency(slice=MAIL, required=False))
    view = with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0"))
    wanted = replace(target(), dependencies=dependencies, on_dependency_loss="cascade")
    view = replace(view, targets={SHOP: replace(wanted, **more), STOCK: target()})  # type: ignore[arg-type] # fields of a target
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    return with_instance(view, "n1", f"{STOCK}:1.0.0/0", wish(), fact())


def crashed(view: ClusterView) -> ClusterView:
    return with_instance(view, "n1", f"{STOCK}:1.0.0/0", wish(), fact(Phase.FAILED))


def followed(view: ClusterView, down_for_s: float = 10.0) -> list[Wish]:
    signals = replace(all_heard(view, 100.0), slice_down_since={STOCK: 100.0 - down_for_s})
    return list(follow_losses(view, signals, ControlSettings(), 100.0))


def test_a_dependent_is_parked_after_the_grace_and_says_why() -> None:
    assert followed(crashed(world()), down_for_s=4.9) == []
    (parked,) = followed(crashed(world()), down_for_s=5.0)
    assert parked.record.desired is Desired.DEACTIVATE
    assert parked.record.parked
    assert parked.instance.base == SHOP
    assert RULES["dependency"](parked.because.inputs) == "park"
    assert "serve on" in parked.because.rejected


def test_a_parked_one_is_called_back_in_place_when_all_is_there_or_parking_is_no_more_wanted() -> (
    None
):
    parked = replace(wish(Desired.DEACTIVATE, 3), parked=True)
    view = with_instance(world(), "n1", f"{SHOP}:1.0.0/0", parked, fact(Phase.LOADED, 3))
    (called,) = followed(view)
    assert (called.record.desired, called.record.parked) == (Desired.ACTIVATE, False)
    assert followed(crashed(view)) == []
    serving_on = with_instance(
        world(on_dependency_loss="degrade"), "n1", f"{SHOP}:1.0.0/0", parked, fact(Phase.LOADED, 3)
    )
    assert len(followed(crashed(serving_on))) == 1


def test_a_dependency_taken_out_of_its_blueprint_parks_at_once() -> None:
    view = with_blueprint(world(), spec(f"{SHOP}:1.0.0"), generation=2)
    (parked,) = followed(view, down_for_s=0.0)
    assert parked.record.parked
    assert missing(view, SHOP) == [STOCK]


def test_the_chain_shows_who_is_affected() -> None:
    view = replace(
        world(),
        targets={
            **world().targets,
            MAIL: replace(target(), dependencies=(Dependency(slice=SHOP),)),
        },
    )
    assert chain(view, STOCK) == [[STOCK, SHOP], [STOCK, SHOP, MAIL]]
    assert chain(view, MAIL) == []
    needs = Needs(view)
    assert needs.requirers(STOCK) == [SHOP]
    assert needs.reaches(MAIL, STOCK)
    assert not needs.reaches(STOCK, MAIL)
