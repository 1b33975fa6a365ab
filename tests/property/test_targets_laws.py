"""Laws of targets: they say what blueprints list, nobody's slice is stolen, nothing goes that is held."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aether.core.control.targets import (
    derive_targets,
    drop_targets,
    is_retired,
    listed_slices,
)
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.plan import carry_out
from aether.core.model.records import BlueprintRecord, SliceSpec, TargetRecord
from aether.core.model.view import ClusterView
from tests.worlds import fact, nodes, target, wish, with_instance

OWNERS = [SliceBase(f"org.example:app{number}") for number in range(3)]
BASES = [SliceBase(f"org.example:s{number}") for number in range(5)]


@st.composite
def views(draw: st.DrawFn) -> ClusterView:
    """Blueprints of any generation, targets of any owner, and instances of some of the slices."""
    slices = st.dictionaries(st.sampled_from(BASES), st.integers(1, 9), max_size=4)
    blueprints = {
        owner: BlueprintRecord(
            id=Artifact(f"{owner}:1.0.0"),
            generation=draw(st.integers(1, 4)),
            slices=tuple(
                SliceSpec(artifact=Artifact(f"{base}:1.0.0"), instances=count)
                for base, count in sorted(draw(slices).items())
            ),
        )
        for owner in draw(st.sets(st.sampled_from(OWNERS)))
    }
    targets = {base: draw(present_targets()) for base in draw(st.sets(st.sampled_from(BASES)))}
    view = replace(nodes("n1"), blueprints=blueprints, targets=targets)
    for base in draw(st.sets(st.sampled_from(BASES))):
        view = with_instance(view, "n1", f"{base}:1.0.0/0", wish(), fact())
    return view


def present_targets() -> st.SearchStrategy[TargetRecord]:
    """Targets of any owner, also of one that has no blueprint any more."""
    return st.builds(
        lambda owner, generation, count: replace(
            target(instances=count, generation=generation), owner=owner
        ),
        st.sampled_from(OWNERS),
        st.integers(1, 4),
        st.integers(1, 9),
    )


def listing(view: ClusterView, base: SliceBase) -> list[SliceBase]:
    """Owners whose blueprints list the slice."""
    return [
        owner
        for owner, blueprint in view.blueprints.items()
        if any(spec.artifact.base == base for spec in blueprint.slices)
    ]


@given(views())
def test_every_listed_slice_has_a_target_and_then_nothing_is_left_to_derive(
    view: ClusterView,
) -> None:
    after = carry_out(view, derive_targets(view))
    assert {base for base in BASES if listing(view, base)} <= after.targets.keys()
    for base in BASES:
        owners = listing(view, base)
        if len(owners) == 1:
            assert after.targets[base].owner == owners[0]
    contested = {base for base in BASES if len(listing(view, base)) > 1}
    assert {step.base for step in derive_targets(after)} <= contested


@given(views())
def test_a_slice_changes_hands_only_when_its_owner_does_not_list_it(view: ClusterView) -> None:
    for step in derive_targets(view):
        present = view.targets.get(step.base)
        assert step.record.owner in listing(view, step.base)
        if present is not None and present.owner != step.record.owner:
            assert present.owner not in listing(view, step.base)


@given(views())
def test_what_a_scale_command_changed_stays_until_the_blueprint_changes(view: ClusterView) -> None:
    for step in derive_targets(view):
        present = view.targets.get(step.base)
        if present is not None and present.owner == step.record.owner:
            assert present.generation < step.record.generation


@given(views())
def test_a_target_goes_when_nobody_lists_the_slice_and_nothing_of_it_is_left(
    view: ClusterView,
) -> None:
    held = {placed[1].base for placed in view.wanted}
    dropped = {step.base for step in drop_targets(view)}
    for base, present in view.targets.items():
        assert (base in dropped) == (present.owner not in listing(view, base) and base not in held)
    assert not list(drop_targets(carry_out(view, drop_targets(view))))


@given(views())
def test_retired_is_what_is_not_listed(view: ClusterView) -> None:
    for base in view.targets:
        assert is_retired(view, base) == (base not in listed_slices(view))
