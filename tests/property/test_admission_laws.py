"""Laws of admission over histories of blueprints applied and deleted in any order."""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.admission import Admitted, Rejected, admit_blueprint, admit_deletion
from aether.core.control.admission_diff import difference
from aether.core.control.admission_history import (
    KEPT,
    history_prefixes,
    past_generations,
    with_history,
)
from aether.core.control.dependencies import find_cycle
from aether.core.model import keys
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.records import (
    ArtifactRecord,
    BlueprintRecord,
    Dependency,
    Manifest,
    SliceSpec,
    decode,
)
from aether.core.model.view import ClusterView, project
from aether.core.store.commands import Delete, Put

SLICES = [SliceBase(f"org.example:s{number}") for number in range(6)]
OWNERS = [SliceBase(f"org.example:b{number}") for number in range(3)]


@st.composite
def artifacts(draw: st.DrawFn) -> dict[Artifact, ArtifactRecord]:
    """One or two versions of most slices; each may need any other, required or not."""
    found: dict[Artifact, ArtifactRecord] = {}
    for base in SLICES:
        for version in draw(
            st.lists(st.sampled_from(["1.0.0", "1.1.0", "2.0.0-rc.1"]), max_size=2, unique=True)
        ):
            needs = draw(st.lists(st.sampled_from(SLICES), max_size=2, unique=True))
            artifact = Artifact.of(base, version)
            found[artifact] = ArtifactRecord(
                digest="0" * 64,
                size=1,
                filename="x.whl",
                holders=(),
                manifest=Manifest(
                    artifact=artifact,
                    entry="a:B",
                    kind="slice",
                    dependencies=tuple(
                        Dependency(slice=need, required=draw(st.booleans())) for need in needs
                    ),
                ),
            )
    return found


@dataclass(frozen=True)
class Apply:
    owner: SliceBase
    slices: tuple[SliceSpec, ...]


@dataclass(frozen=True)
class Remove:
    owner: SliceBase


def specs() -> st.SearchStrategy[tuple[SliceSpec, ...]]:
    one = st.builds(
        lambda base, version, instances, loss: SliceSpec(
            artifact=Artifact.of(base, version), instances=instances, on_dependency_loss=loss
        ),
        st.sampled_from(SLICES),
        st.sampled_from(["1.0.0", "1.1.0", "2.0.0-rc.1"]),
        st.integers(1, 3),
        st.sampled_from(["block", "cascade", "degrade"]),
    )
    return st.lists(one, min_size=1, max_size=3, unique_by=lambda spec: spec.artifact.base).map(
        tuple
    )


Step = Apply | Remove
steps = st.lists(
    st.one_of(
        st.builds(Apply, st.sampled_from(OWNERS), specs()),
        st.builds(Remove, st.sampled_from(OWNERS)),
    ),
    max_size=12,
)


@dataclass
class Shelf:
    """A store of one: keys with revisions, and the guards of what is admitted."""

    entries: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    revision: int = 0

    def view(self, known: dict[Artifact, ArtifactRecord], base: SliceBase) -> ClusterView:
        rows = [(key, value, revision) for key, (value, revision) in self.entries.items()]
        history = [
            (key, revision)
            for key, (_, revision) in self.entries.items()
            if key.startswith(history_prefixes(base))
        ]
        return with_history(replace(project(rows, self.revision), artifacts=known), history)

    def land(self, admitted: Admitted) -> bool:
        """Make the writes if every guard holds."""
        if any(
            self.entries.get(each.key, (b"", 0))[1] != each.mod_revision for each in admitted.guards
        ):
            return False
        self.revision += 1
        for operation in admitted.then:
            if isinstance(operation, Put):
                self.entries[operation.key] = (operation.value, self.revision)
            elif isinstance(operation, Delete):
                self.entries.pop(operation.key, None)
        return True


def decide(view: ClusterView, step: Step) -> Admitted | Rejected:
    if isinstance(step, Remove):
        return admit_deletion(view, step.owner, purge_data=False)
    return admit_blueprint(view, Artifact(f"{step.owner}:1.0.0"), step.slices, "")


def play(
    known: dict[Artifact, ArtifactRecord], script: list[Step], shelf: Shelf | None = None
) -> Shelf:
    shelf = shelf or Shelf()
    for step in script:
        decision = decide(shelf.view(known, step.owner), step)
        if isinstance(decision, Admitted) and decision.changed:
            assert shelf.land(decision)
    return shelf


def records(shelf: Shelf) -> dict[SliceBase, BlueprintRecord]:
    return {
        SliceBase(key.removeprefix(keys.BLUEPRINTS)): decode(value, BlueprintRecord)
        for key, (value, _) in sorted(shelf.entries.items())
        if key.startswith(keys.BLUEPRINTS)
    }


@given(known=artifacts(), script=steps)
@settings(max_examples=150, deadline=None)
def test_a_slice_has_one_owner_and_nothing_needs_itself(
    known: dict[Artifact, ArtifactRecord], script: list[Step]
) -> None:
    listed = [spec for record in records(play(known, script)).values() for spec in record.slices]
    bases = [spec.artifact.base for spec in listed]
    assert len(bases) == len(set(bases))
    assert find_cycle({spec.artifact.base: spec.dependencies for spec in listed}) == []


@given(known=artifacts(), script=steps)
@settings(max_examples=150, deadline=None)
def test_what_a_slice_requires_is_listed_unless_it_lives_with_the_loss(
    known: dict[Artifact, ArtifactRecord], script: list[Step]
) -> None:
    listed = {
        spec.artifact.base: spec
        for record in records(play(known, script)).values()
        for spec in record.slices
    }
    for spec in listed.values():
        missing = [
            need.slice for need in spec.dependencies if need.required and need.slice not in listed
        ]
        assert not missing or spec.on_dependency_loss != "block"


@given(known=artifacts(), script=steps)
@settings(max_examples=100, deadline=None)
def test_the_same_again_changes_nothing(
    known: dict[Artifact, ArtifactRecord], script: list[Step]
) -> None:
    shelf = play(known, script)
    for owner, record in records(shelf).items():
        listed = tuple(spec for spec in record.slices if not spec.added_for)
        for slices in (listed, record.slices):
            again = admit_blueprint(shelf.view(known, owner), record.id, slices, "other text")
            lost = any(
                need.required
                and all(
                    need.slice != each.artifact.base
                    for r in records(shelf).values()
                    for each in r.slices
                )
                for spec in record.slices
                for need in spec.dependencies
            )
            assert lost or (isinstance(again, Admitted) and not again.changed)


@given(known=artifacts(), script=steps)
@settings(max_examples=100, deadline=None)
def test_a_change_of_one_blueprint_touches_no_other(
    known: dict[Artifact, ArtifactRecord], script: list[Step]
) -> None:
    shelf = Shelf()
    for step in script:
        before = records(shelf)
        play(known, [step], shelf)
        after = records(shelf)
        others = {*before, *after} - {step.owner}
        assert all(before.get(owner) == after.get(owner) for owner in others)


@given(known=artifacts(), script=steps, one=steps, two=steps)
@settings(max_examples=100, deadline=None)
def test_of_two_changes_decided_from_one_state_one_lands(
    known: dict[Artifact, ArtifactRecord], script: list[Step], one: list[Step], two: list[Step]
) -> None:
    shelf = play(known, script)
    decisions = [decide(shelf.view(known, step.owner), step) for step in (*one[:1], *two[:1])]
    changes = [each for each in decisions if isinstance(each, Admitted) and each.changed]
    landed = [shelf.land(each) for each in changes]
    assert landed == [True, False][: len(changes)]


@given(known=artifacts(), script=steps)
@settings(max_examples=100, deadline=None)
def test_the_history_counts_on_keeps_few_and_ends_with_the_present(
    known: dict[Artifact, ArtifactRecord], script: list[Step]
) -> None:
    shelf, last = Shelf(), dict.fromkeys(OWNERS, 0)
    for step in script:
        play(known, [step], shelf)
        numbers = past_generations(shelf.view(known, step.owner), step.owner)
        newest = max(numbers, default=0)
        assert newest in (last[step.owner], last[step.owner] + 1)
        assert len(numbers) <= KEPT
        last[step.owner] = newest
        present = records(shelf).get(step.owner)
        if present is not None:
            kept = shelf.entries[keys.generation(step.owner, newest)][0]
            assert decode(kept, BlueprintRecord) == present


@given(one=specs(), two=specs())
@settings(max_examples=100, deadline=None)
def test_differences_are_mirrored_and_nothing_differs_from_itself(
    one: tuple[SliceSpec, ...], two: tuple[SliceSpec, ...]
) -> None:
    before = BlueprintRecord(id=Artifact("a:b:1.0.0"), generation=1, slices=one)
    after = replace(before, slices=two)
    same = difference(before, replace(before, slices=one[::-1]))
    assert (same.added, same.removed, same.changed) == ((), (), ())
    there, back = difference(before, after), difference(after, before)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert [(each.name, each.before, each.after) for each in there.changed] == [
        (each.name, each.after, each.before) for each in back.changed
    ]
