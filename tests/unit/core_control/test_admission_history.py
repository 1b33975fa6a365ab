"""Numbers and keys of generations."""

from dataclasses import replace

from aether.core.control.admission import Admitted, admit_blueprint, admit_deletion
from aether.core.control.admission_history import (
    KEPT,
    KEPT_DELETED,
    history_prefixes,
    keep,
    keep_deleted,
    next_generation,
    past_generations,
    with_history,
)
from aether.core.model import keys
from aether.core.model.ids import Artifact, SliceBase
from aether.core.store.commands import Delete, DeletePrefix, Guard, Put
from tests.worlds import APP, STOCK, nodes, spec, with_artifact, with_blueprint

ID = Artifact(f"{APP}:1.0.0")


def test_numbers_go_on_from_whatever_was_seen() -> None:
    assert next_generation(nodes(), APP) == 1
    assert next_generation(with_blueprint(nodes(), spec(f"{STOCK}:1.0.0"), generation=4), APP) == 5
    view = with_history(nodes(), [(keys.generation(APP, 7), 3)])
    assert (past_generations(view, APP), next_generation(view, APP)) == ([7], 8)


def test_the_oldest_go_when_there_are_too_many() -> None:
    view = with_history(nodes(), [(keys.generation(APP, n), n) for n in range(1, KEPT + 4)])
    put, *rest = keep(view, APP, KEPT + 4, b"{}")
    assert put == Put(keys.generation(APP, KEPT + 4), b"{}")
    assert rest[:-1] == [Delete(keys.generation(APP, n)) for n in range(1, 5)]
    assert rest[-1] == Put(keys.BLUEPRINT_TURN, f'"{APP}"'.encode())


def test_a_change_with_its_history_excludes_every_other() -> None:
    view = with_history(with_artifact(nodes("n1"), f"{STOCK}:1.0.0"), [(keys.BLUEPRINT_TURN, 9)])
    admitted = admit_blueprint(view, ID, (spec(f"{STOCK}:1.0.0"),), "", "api:me", 12)
    assert isinstance(admitted, Admitted)
    assert Guard(keys.BLUEPRINT_TURN, 9) in admitted.guards
    assert Guard(keys.generation(APP, 1), 0) in admitted.guards
    present = with_blueprint(view, spec(f"{STOCK}:1.0.0"))
    deletion = admit_deletion(replace(present, revisions=view.revisions), APP, purge_data=False)
    assert isinstance(deletion, Admitted)
    assert Guard(keys.BLUEPRINT_TURN, 9) in deletion.guards


def test_of_deleted_blueprints_the_one_deleted_first_is_forgotten() -> None:
    """One name for each preview, applied and deleted: what is kept of them is bounded."""
    bases = [SliceBase(f"org.example:preview-{n}") for n in range(KEPT_DELETED + 1)]
    kept = [(keys.deleted_blueprint(base), 900 - n) for n, base in enumerate(bases)]
    view = with_history(nodes(), kept)
    one_more = keep_deleted(view, APP)
    assert one_more == (
        DeletePrefix(keys.generations(bases[-1])),
        DeletePrefix(keys.generations(bases[-2])),
        Delete(keys.deleted_blueprint(bases[-1])),
        Delete(keys.deleted_blueprint(bases[-2])),
        Put(keys.deleted_blueprint(APP), b"{}"),
        Put(keys.BLUEPRINT_TURN, f'"{APP}"'.encode()),
    )


def test_a_deleted_blueprint_that_is_applied_again_is_not_forgotten() -> None:
    view = with_history(nodes(), [(keys.deleted_blueprint(APP), 3), (keys.generation(APP, 1), 2)])
    assert Delete(keys.deleted_blueprint(APP)) in keep(view, APP, 2, b"{}")
    assert Delete(keys.deleted_blueprint(APP)) not in keep(view, STOCK, 1, b"{}")


def test_what_must_be_read_is_little() -> None:
    assert history_prefixes(APP) == (
        keys.BLUEPRINT_TURN,
        keys.DELETED_BLUEPRINTS,
        f"generation/{APP}/",
    )
    assert keys.generation(APP, 3).startswith(keys.generations(APP))
