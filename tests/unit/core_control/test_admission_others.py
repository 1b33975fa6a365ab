"""Whom a removal would hurt, and who refuses it."""

from dataclasses import replace

import pytest

from aether.core.control.admission import Admitted, Rejected, admit_blueprint, admit_deletion
from aether.core.control.admission_others import NOTED, consequences, losses, others_than
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.records import BlueprintRecord, OnDependencyLoss, SliceSpec
from aether.core.model.view import ClusterView
from tests.worlds import APP, SHOP, STOCK, nodes, spec, with_artifact, with_blueprint

FRONT = SliceBase("org.example:front")
SHOPS, FRONTS = SliceBase("org.example:shops"), SliceBase("org.example:fronts")


def world(shop: OnDependencyLoss, front: OnDependencyLoss) -> ClusterView:
    """APP owns the stock; the shop of another blueprint requires it, the front of a third the shop."""
    view = with_artifact(nodes("n1"), f"{STOCK}:1.0.0")
    view = with_blueprint(view, spec(f"{STOCK}:1.0.0"))
    owners: dict[SliceBase, tuple[SliceSpec, OnDependencyLoss]] = {
        SHOPS: (spec(f"{SHOP}:1.0.0", needs=[STOCK]), shop),
        FRONTS: (spec(f"{FRONT}:1.0.0", needs=[SHOP]), front),
    }
    records = {
        owner: BlueprintRecord(
            id=Artifact(f"{owner}:1.0.0"),
            generation=1,
            slices=(replace(listed, on_dependency_loss=loss),),
        )
        for owner, (listed, loss) in owners.items()
    }
    return replace(view, blueprints={**view.blueprints, **records})


@pytest.mark.parametrize(
    ("shop", "front", "refused"),
    [
        ("block", "degrade", True),
        ("cascade", "block", True),
        ("cascade", "degrade", False),
        ("cascade", "cascade", False),
        ("degrade", "block", False),
    ],
)
def test_only_who_blocks_refuses_also_through_those_that_are_parked(
    shop: OnDependencyLoss, front: OnDependencyLoss, refused: bool
) -> None:
    decision = admit_deletion(world(shop, front), APP, purge_data=False)
    assert isinstance(decision, Rejected) == refused


def test_the_refusal_shows_the_chain() -> None:
    decision = admit_deletion(world("cascade", "block"), APP, purge_data=False)
    assert isinstance(decision, Rejected)
    assert decision.code == "conflict"
    assert decision.problems == (
        f"{STOCK} cannot go: {FRONT} of blueprint {FRONTS} requires it "
        f"({FRONT} requires {SHOP} requires {STOCK}); delete or change blueprint {FRONTS} first",
    )


def test_what_is_allowed_says_whom_it_concerns() -> None:
    decision = admit_deletion(world("cascade", "degrade"), APP, purge_data=False)
    assert isinstance(decision, Admitted)
    assert f"{SHOP} of blueprint {SHOPS} is parked" in decision.summary
    assert f"{FRONT} of blueprint {FRONTS} serves on without" in decision.summary


def test_deleting_one_blueprint_touches_no_other() -> None:
    view = world("cascade", "degrade")
    decision = admit_deletion(view, APP, purge_data=True)
    assert isinstance(decision, Admitted)
    touched = [operation for operation in decision.then if SHOPS in str(operation)]
    assert touched == []


def test_a_slice_listed_by_another_is_refused_before_its_target_is_there() -> None:
    view = with_artifact(world("block", "block"), f"{SHOP}:1.0.0")
    decision = admit_blueprint(
        view,
        Artifact(f"{APP}:2.0.0"),
        (spec(f"{STOCK}:1.0.0"), spec(f"{SHOP}:1.0.0")),
        "",
    )
    assert isinstance(decision, Rejected)
    assert decision.problems == (f"{SHOP} belongs to blueprint {SHOPS}; a slice has one owner",)


def test_long_consequences_are_counted() -> None:
    view = world("cascade", "degrade")
    found = list(losses(others_than(view, APP), [STOCK]))
    assert [loss.base for loss in found] == [SHOP, FRONT]
    assert consequences(found * 4).endswith(f"{8 - NOTED} more slices of others are concerned")
    assert consequences([]) == ""
