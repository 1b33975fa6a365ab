import pytest

from aether.api.call import Call
from aether.api.views import ATTEMPTS, read_view, rejection, submit
from aether.core.control.admission import Admitted, Rejected
from aether.core.model.view import ClusterView
from aether.core.store.commands import Consistency, Guard, Put
from aether.errors import Conflict, Invalid, NoQuorum, NotFound
from tests.api_world import NODE, ApiWorld

CALL = Call(rule="api.x", request_id="r")


async def test_a_fresh_view_needs_a_quorum_a_stale_one_does_not(world: ApiWorld) -> None:
    view = await read_view(world.store, Consistency.LINEARIZABLE)
    assert view.epoch is not None
    world.oracle.cut_off(NODE)
    with pytest.raises(NoQuorum):
        await read_view(world.store, Consistency.LINEARIZABLE)
    assert (await read_view(world.store, Consistency.STALE)).revision == view.revision


async def test_a_decision_is_made_anew_when_the_world_moved(world: ApiWorld) -> None:
    seen: list[int] = []

    def decide(view: ClusterView) -> Admitted:
        seen.append(view.revision)
        guard = 5 if len(seen) < 3 else 0  # the first two times the guard is out of date
        return Admitted((Put("x", b"1"),), (Guard("x", guard),), "put x")

    change = await submit(world.api._context, CALL, decide)
    assert (change.changed, change.summary, len(seen)) == (True, "put x", 3)


async def test_after_a_bounded_number_of_tries_it_is_a_conflict(world: ApiWorld) -> None:
    seen: list[int] = []

    def decide(view: ClusterView) -> Admitted:
        seen.append(view.revision)
        return Admitted((Put("x", b"1"),), (Guard("x", 99),), "put x")

    with pytest.raises(Conflict, match="others had changed"):
        await submit(world.api._context, CALL, decide)
    assert len(seen) == ATTEMPTS


async def test_nothing_to_change_writes_nothing(world: ApiWorld) -> None:
    before = world.store.revision
    change = await submit(world.api._context, CALL, lambda _: Admitted((), (), "as it is"))
    assert (change.changed, change.revision) == (False, before)
    assert world.store.revision == before


def test_a_rejection_becomes_the_error_of_its_code() -> None:
    for code, kind in (("invalid", Invalid), ("conflict", Conflict), ("not_found", NotFound)):
        error = rejection(Rejected(code, ("a", "b")))  # type: ignore[arg-type] # the literal, by its text
        assert type(error) is kind
        assert error.fields["problems"] == ["a", "b"]
