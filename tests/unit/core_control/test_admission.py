"""What an operator may do, and the sentences that refuse the rest."""

from dataclasses import replace

from aether.core.control.admission import (
    Admitted,
    Rejected,
    admit_blueprint,
    admit_deletion,
    admit_scale,
    shortcomings,
)
from aether.core.control.rehearsal_changes import with_changes
from aether.core.control.targets import derive_targets
from aether.core.model import keys
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.plan import carry_out
from aether.core.model.records import BlueprintRecord, Route, decode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, Guard, Put
from tests.worlds import APP, SHOP, STOCK, nodes, spec, with_artifact, with_blueprint

ID = Artifact(f"{APP}:1.0.0")
OTHER = SliceBase("org.example:other")


def known() -> ClusterView:
    view = with_artifact(nodes("n1"), f"{STOCK}:1.0.0")
    return with_artifact(
        view, f"{SHOP}:1.0.0", needs=[STOCK], routes=[Route(method="GET", pattern="/shop")]
    )


def applied(view: ClusterView) -> ClusterView:
    return carry_out(view, derive_targets(view))


def owned_by_other(view: ClusterView, artifact: str, needs: tuple[str, ...] = ()) -> ClusterView:
    record = BlueprintRecord(
        id=Artifact(f"{OTHER}:1.0.0"), generation=1, slices=(spec(artifact, needs=needs),)
    )
    return applied(replace(view, blueprints={**view.blueprints, OTHER: record}))


def test_a_good_blueprint_is_one_guarded_write() -> None:
    admitted = admit_blueprint(
        known(), ID, (spec(f"{SHOP}:1.0.0", 2), spec(f"{STOCK}:1.0.0")), "id = …"
    )
    assert isinstance(admitted, Admitted)
    put, generation = admitted.then
    assert isinstance(generation, Put)
    assert isinstance(put, Put)
    record = decode(put.value, BlueprintRecord)
    assert (record.generation, record.source) == (1, "id = …")
    assert generation == Put(keys.generation(APP, 1), put.value)
    assert [need.slice for need in record.slices[0].dependencies] == [STOCK]
    assert Guard(keys.blueprint(APP), 0) in admitted.guards
    assert Guard(keys.artifact(Artifact(f"{SHOP}:1.0.0")), 1) in admitted.guards


def test_applying_it_again_changes_nothing() -> None:
    specs = (spec(f"{SHOP}:1.0.0", 1, [STOCK]), spec(f"{STOCK}:1.0.0"))
    view = with_blueprint(known(), *specs)
    again = admit_blueprint(view, ID, specs, "")
    assert isinstance(again, Admitted)
    assert not again.changed


def test_a_change_is_a_new_generation_even_after_a_deletion_that_is_not_finished() -> None:
    view = applied(with_blueprint(known(), spec(f"{STOCK}:1.0.0"), generation=4))
    gone = replace(view, blueprints={})
    admitted = admit_blueprint(gone, ID, (spec(f"{STOCK}:1.0.0", 2),), "")
    assert isinstance(admitted, Admitted)
    put = admitted.then[0]
    assert isinstance(put, Put)
    assert decode(put.value, BlueprintRecord).generation == 5


def test_unknown_artifacts_are_named_with_a_guess() -> None:
    rejected = admit_blueprint(known(), ID, (spec(f"{SHOP}:1.0.1"),), "")
    assert isinstance(rejected, Rejected)
    assert rejected.code == "invalid"
    assert f"did you mean {SHOP}:1.0.0?" in rejected.problems[0]


def test_a_required_slice_that_is_nowhere_is_named() -> None:
    view = with_artifact(nodes("n1"), f"{SHOP}:1.0.0", needs=[STOCK])
    rejected = admit_blueprint(view, ID, (spec(f"{SHOP}:1.0.0"),), "")
    assert isinstance(rejected, Rejected)
    assert f"requires {STOCK}" in rejected.problems[0]
    assert "no version of it is pushed" in rejected.problems[0]


def test_a_required_slice_of_another_blueprint_is_enough() -> None:
    view = owned_by_other(known(), f"{STOCK}:1.0.0")
    assert isinstance(admit_blueprint(view, ID, (spec(f"{SHOP}:1.0.0"),), ""), Admitted)


def test_slices_that_need_each_other_are_refused_with_the_circle() -> None:
    view = with_artifact(known(), f"{STOCK}:1.0.0", needs=[SHOP])
    rejected = admit_blueprint(view, ID, (spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0")), "")
    assert isinstance(rejected, Rejected)
    assert " → " in rejected.problems[0]
    assert SHOP in rejected.problems[0]
    assert STOCK in rejected.problems[0]


def test_a_circle_through_another_blueprint_is_refused_too() -> None:
    view = with_artifact(known(), f"{STOCK}:2.0.0", needs=[SHOP])
    view = owned_by_other(view, f"{SHOP}:1.0.0", needs=(STOCK,))
    rejected = admit_blueprint(view, ID, (spec(f"{STOCK}:2.0.0"),), "")
    assert isinstance(rejected, Rejected)
    assert " → " in rejected.problems[0]
    assert isinstance(admit_blueprint(view, ID, (spec(f"{STOCK}:1.0.0"),), ""), Admitted)


def test_a_slice_has_one_owner() -> None:
    view = owned_by_other(known(), f"{STOCK}:1.0.0")
    rejected = admit_blueprint(view, ID, (spec(f"{STOCK}:1.0.0"),), "")
    assert isinstance(rejected, Rejected)
    assert rejected.code == "conflict"
    assert OTHER in rejected.problems[0]


def test_a_route_has_one_owner() -> None:
    twin = f"{STOCK}:2.0.0"
    view = with_artifact(known(), twin, routes=[Route(method="GET", pattern="/shop")])
    view = owned_by_other(view, twin)
    rejected = admit_blueprint(view, ID, (spec(f"{SHOP}:1.0.0"),), "")
    assert isinstance(rejected, Rejected)
    assert f"route GET /shop of {SHOP}:1.0.0 belongs to {STOCK}" in rejected.problems[0]


def test_routes_that_differ_in_the_names_of_parameters_are_one() -> None:
    ours, theirs = f"{SHOP}:2.0.0", f"{STOCK}:2.0.0"
    view = with_artifact(known(), ours, routes=[Route(method="GET", pattern="/shop/{id}")])
    view = with_artifact(view, theirs, routes=[Route(method="GET", pattern="/shop/{name}")])
    together = admit_blueprint(view, ID, (spec(ours), spec(theirs)), "")
    after = admit_blueprint(owned_by_other(view, theirs), ID, (spec(ours),), "")
    for rejected in (together, after):
        assert isinstance(rejected, Rejected)
        assert rejected.code == "conflict"
    assert isinstance(after, Rejected)
    assert f"belongs to {STOCK} as /shop/{{name}}" in after.problems[0]


def test_all_that_is_wrong_is_told_at_once() -> None:
    """What nobody pushed hides neither whose slices these are nor whose routes."""
    twin, mine = f"{STOCK}:2.0.0", SliceBase("org.example:mine")
    view = with_artifact(known(), twin, routes=[Route(method="*", pattern="/shop")])
    view = owned_by_other(view, twin)
    slices = (spec(f"{STOCK}:9.0.0"), spec(f"{SHOP}:1.0.0"), spec(f"{mine}:1.0.0"))
    rejected = admit_blueprint(view, ID, slices, "")
    assert isinstance(rejected, Rejected)
    assert rejected.code == "invalid"
    starts = (
        f"artifact {STOCK}:9.0.0 is not in the cluster; did you mean {STOCK}:",
        f"artifact {mine}:1.0.0 is not in the cluster",
        f"{STOCK} belongs to blueprint {OTHER}",
        f"route GET /shop of {SHOP}:1.0.0 belongs to {STOCK} as * /shop",
    )
    for problem, start in zip(rejected.problems, starts, strict=True):
        assert problem.startswith(start)


def test_a_slice_listed_in_a_version_nobody_pushed_is_not_said_to_be_nowhere() -> None:
    view = with_artifact(nodes("n1"), f"{SHOP}:1.0.0", needs=[STOCK])
    rejected = admit_blueprint(view, ID, (spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0")), "")
    assert isinstance(rejected, Rejected)
    (problem,) = rejected.problems
    assert problem.startswith(f"artifact {STOCK}:1.0.0 is not in the cluster")


def test_what_can_be_read_of_a_blueprint_is_held_against_the_cluster() -> None:
    view = owned_by_other(known(), f"{STOCK}:1.0.0")
    artifacts = [Artifact(f"{STOCK}:1.0.0"), Artifact(f"{SHOP}:1.0.1")]
    unknown = f"artifact {SHOP}:1.0.1 is not in the cluster; did you mean {SHOP}:1.0.0? "
    nameless, named = (shortcomings(view, owner, artifacts) for owner in (None, APP))
    assert [text.startswith(unknown) for text in nameless] == [True]
    assert named == (*nameless, f"{STOCK} belongs to blueprint {OTHER}; a slice has one owner")


def test_a_slice_others_require_cannot_be_deleted_or_left_out() -> None:
    view = applied(with_blueprint(known(), spec(f"{STOCK}:1.0.0")))
    view = owned_by_other(view, f"{SHOP}:1.0.0", (STOCK,))
    deletion = admit_deletion(view, APP, purge_data=False)
    assert isinstance(deletion, Rejected)
    assert f"{STOCK} cannot go: {SHOP} of blueprint {OTHER} requires it" in deletion.problems[0]
    view = with_artifact(view, f"{APP}:1.0.0")
    without = admit_blueprint(view, ID, (spec(f"{APP}:1.0.0"),), "")
    assert isinstance(without, Rejected)


def test_deleting_removes_the_blueprint_and_marks_data_only_when_asked() -> None:
    view = applied(with_blueprint(known(), spec(f"{STOCK}:1.0.0")))
    plain = admit_deletion(view, APP, purge_data=False)
    assert isinstance(plain, Admitted)
    assert plain.then == (Delete(keys.blueprint(APP)),)
    purge = admit_deletion(view, APP, purge_data=True)
    assert isinstance(purge, Admitted)
    assert [type(operation) for operation in purge.then] == [Delete, Put]
    missing = admit_deletion(view, OTHER, purge_data=False)
    assert isinstance(missing, Rejected)
    assert missing.code == "not_found"


def test_scale_stays_in_bounds() -> None:
    view = applied(with_blueprint(known(), spec(f"{STOCK}:1.0.0", 2)))
    assert isinstance(admit_scale(view, STOCK, 3), Admitted)
    same = admit_scale(view, STOCK, 2)
    assert isinstance(same, Admitted)
    assert not same.changed
    for out in (0, 101):
        rejected = admit_scale(view, STOCK, out)
        assert isinstance(rejected, Rejected)
        assert "1 to 100" in rejected.problems[0]
    unknown = admit_scale(view, SHOP, 1)
    assert isinstance(unknown, Rejected)
    assert unknown.code == "not_found"


def test_a_setting_of_another_type_is_a_change() -> None:
    view = with_artifact(nodes("n1"), f"{SHOP}:1.0.0")
    given: list[dict[str, object]] = [
        {"debug": 1},
        {"debug": True},
        {"debug": True},
        {"debug": 1.0},
        {"debug": [1]},
    ]
    changed = []
    for config in given:
        asked = replace(spec(f"{SHOP}:1.0.0"), config=config)
        admitted = admit_blueprint(view, Artifact(f"{APP}:1.0.0"), (asked,), "source")
        assert isinstance(admitted, Admitted)
        changed.append(admitted.changed)
        view = with_changes(view, admitted.then)
    assert changed == [True, True, False, True, True]
