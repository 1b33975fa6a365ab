"""Slices that come with what requires them."""

from dataclasses import replace

from aether.core.control.admission import Admitted, Rejected, admit_blueprint
from aether.core.control.admission_expand import added_text
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.records import BlueprintRecord, Dependency, SliceSpec, decode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Put
from tests.worlds import APP, SHOP, STOCK, nodes, spec, with_artifact

ID = Artifact(f"{APP}:1.0.0")
LEDGER = SliceBase("org.example:ledger")
OTHER = SliceBase("org.example:other")


def shelf(*stock_versions: str) -> ClusterView:
    """The shop requires the stock, the stock the ledger."""
    view = with_artifact(nodes("n1"), f"{SHOP}:1.0.0", needs=[STOCK])
    for version in stock_versions:
        view = with_artifact(view, f"{STOCK}:{version}", needs=[LEDGER])
    return with_artifact(view, f"{LEDGER}:3.0.0")


def slices_of(decision: Admitted | Rejected) -> dict[SliceBase, SliceSpec]:
    assert isinstance(decision, Admitted)
    put = decision.then[0]
    assert isinstance(put, Put)
    record = decode(put.value, BlueprintRecord)
    return {spec.artifact.base: spec for spec in record.slices}


def admitted_again(view: ClusterView, decision: Admitted | Rejected) -> ClusterView:
    assert isinstance(decision, Admitted)
    put = decision.then[0]
    assert isinstance(put, Put)
    return replace(view, blueprints={**view.blueprints, APP: decode(put.value, BlueprintRecord)})


def test_what_is_required_comes_with_it_transitively_in_the_highest_version() -> None:
    view = shelf("1.2.0", "1.10.0", "2.0.0-rc.1")
    decision = admit_blueprint(view, ID, (spec(f"{SHOP}:1.0.0", 3),), "")
    found = slices_of(decision)
    assert list(found) == [SHOP, STOCK, LEDGER]
    assert (found[STOCK].artifact.version, found[STOCK].instances) == ("1.10.0", 1)
    assert (found[SHOP].added_for, found[STOCK].added_for, found[LEDGER].added_for) == (
        (),
        (SHOP,),
        (STOCK,),
    )
    assert isinstance(decision, Admitted)
    assert f"added: {STOCK}:1.10.0 for {SHOP}; {LEDGER}:3.0.0 for {STOCK}" in decision.summary


def test_a_listed_slice_keeps_what_its_author_says() -> None:
    view = shelf("1.0.0", "2.0.0")
    found = slices_of(
        admit_blueprint(view, ID, (spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0", 2)), "")
    )
    assert (found[STOCK].artifact.version, found[STOCK].instances) == ("1.0.0", 2)
    assert found[STOCK].added_for == ()


def test_what_runs_elsewhere_and_what_is_optional_is_not_added() -> None:
    record = BlueprintRecord(
        id=Artifact(f"{OTHER}:1.0.0"), generation=1, slices=(spec(f"{STOCK}:1.0.0"),)
    )
    view = replace(shelf("1.0.0"), blueprints={OTHER: record})
    assert list(slices_of(admit_blueprint(view, ID, (spec(f"{SHOP}:1.0.0"),), ""))) == [SHOP]
    artifact = view.artifacts[Artifact(f"{SHOP}:1.0.0")]
    wish = replace(
        artifact,
        manifest=replace(
            artifact.manifest, dependencies=(Dependency(slice=STOCK, required=False),)
        ),
    )
    optional = replace(
        view, blueprints={}, artifacts={**view.artifacts, Artifact(f"{SHOP}:1.0.0"): wish}
    )
    assert list(slices_of(admit_blueprint(optional, ID, (spec(f"{SHOP}:1.0.0"),), ""))) == [SHOP]


def test_an_unchanged_text_changes_nothing_though_a_newer_version_was_pushed() -> None:
    view, listed = shelf("1.0.0"), (spec(f"{SHOP}:1.0.0"),)
    view = admitted_again(view, admit_blueprint(view, ID, listed, ""))
    view = with_artifact(view, f"{STOCK}:9.0.0", needs=[LEDGER])
    again = admit_blueprint(view, ID, listed, "")
    assert isinstance(again, Admitted)
    assert not again.changed


def test_what_is_no_longer_required_goes() -> None:
    view = shelf("1.0.0")
    view = admitted_again(view, admit_blueprint(view, ID, (spec(f"{SHOP}:1.0.0"),), ""))
    view = with_artifact(view, f"{SHOP}:2.0.0")
    assert list(slices_of(admit_blueprint(view, ID, (spec(f"{SHOP}:2.0.0"),), ""))) == [SHOP]


def test_an_old_generation_brings_its_versions_back_or_says_what_is_gone() -> None:
    view = shelf("1.0.0")
    first = slices_of(admit_blueprint(view, ID, (spec(f"{SHOP}:1.0.0"),), ""))
    newer = with_artifact(view, f"{STOCK}:2.0.0")
    again = slices_of(admit_blueprint(newer, ID, tuple(first.values()), ""))
    assert again[STOCK].artifact.version == "1.0.0"
    without = {name: each for name, each in newer.artifacts.items() if name.version != "1.0.0"}
    shop = {Artifact(f"{SHOP}:1.0.0"): view.artifacts[Artifact(f"{SHOP}:1.0.0")]}
    gone = admit_blueprint(
        replace(newer, artifacts={**without, **shop}), ID, tuple(first.values()), ""
    )
    assert isinstance(gone, Rejected)
    assert gone.problems == (f"artifact {STOCK}:1.0.0, added for {SHOP}:1.0.0, is gone",)


def test_nothing_to_add_is_nothing_to_say() -> None:
    assert added_text([spec(f"{SHOP}:1.0.0")]) == ""
