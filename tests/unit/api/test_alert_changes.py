import pytest

from aether.api.alert_changes import nodes_of, read_book, submit
from aether.api.call import Call
from aether.api.views import ATTEMPTS
from aether.core.alerts.book import AlertBook
from aether.core.control.admission import Admitted, Rejected
from aether.core.store.commands import Consistency, Guard, Put
from aether.errors import Conflict, Invalid, NotFound
from tests.api_world import ApiWorld

CALL = Call(rule="api.test", request_id="r-1")


async def test_a_decision_is_made_anew_when_its_key_changed_meanwhile(world: ApiWorld) -> None:
    seen: list[int] = []

    def decide(book: AlertBook) -> Admitted:
        seen.append(book.revisions.get("silence/s", 0))
        stale = Guard("silence/s", 0 if len(seen) == 1 else seen[-1])
        return Admitted((Put("silence/s", b"{}"),), (stale,), "said")

    await world.put({"silence/s": b"1"})
    change = await submit(world.context, CALL, decide)
    assert change.changed
    assert len(seen) == 2
    book = await read_book(world.context, Consistency.STALE)
    assert book.revisions["silence/s"] == change.revision


async def test_after_so_many_tries_the_caller_is_told(world: ApiWorld) -> None:
    tries: list[int] = []

    def decide(book: AlertBook) -> Admitted:
        tries.append(book.revision)
        return Admitted((Put("silence/s", b"{}"),), (Guard("silence/s", 99),), "said")

    with pytest.raises(Conflict, match="others had changed the same keys"):
        await submit(world.context, CALL, decide)
    assert len(tries) == ATTEMPTS


async def test_a_rejection_is_its_error(world: ApiWorld) -> None:
    with pytest.raises(NotFound, match="no such thing"):
        await submit(world.context, CALL, lambda _: Rejected("not_found", ("no such thing",)))


def test_names_of_nodes_are_checked() -> None:
    assert nodes_of(["n-1"]) == ("n-1",)
    with pytest.raises(Invalid, match="not a node id"):
        nodes_of(["N!"])
