"""How handlers read the cluster and change it: a fresh view, a pure decision, a guarded write."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aether.api.call import Call, Context
from aether.api.moments import chronicle_of, past_revision
from aether.core.control.admission import Admitted, Rejected
from aether.core.model import keys
from aether.core.model.view import PREFIXES, ClusterView, project
from aether.core.store.commands import Applied, Consistency, Guard, Txn
from aether.errors import AetherError, Conflict, Invalid, NotFound
from aether.ports import STORE_S, Store

ATTEMPTS = 5
"""Most tries of one change while others change the same keys."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a change that was admitted."""

    changed: bool
    revision: int
    summary: str


async def read_view(
    store: Store, consistency: Consistency, timeout_s: float = STORE_S
) -> ClusterView:
    """Return the cluster; linearizable means: not older than any write acknowledged before.

    Raises Unavailable when that cannot be had within `timeout_s`.
    """
    if consistency is Consistency.LINEARIZABLE:
        await store.get(keys.EPOCH, timeout_s=timeout_s)
    level = store.level(PREFIXES)
    return project(
        ((entry.key, entry.value, entry.mod_revision) for entry in level.entries), level.revision
    )


Check = Callable[[ClusterView, Admitted], Awaitable[tuple[Guard, ...]]]
"""Looks once more at an admitted change; raises what forbids it, returns more guards for it."""


async def _no_check(view: ClusterView, admitted: Admitted) -> tuple[Guard, ...]:  # noqa: ARG001 - a Check's signature
    return ()


async def look(context: Context, call: Call) -> ClusterView:
    """Return the cluster as the caller wants to see it: as it is, or as it was at `at`.

    Raises Invalid for a moment to come or no moment, NotRecorded when it is not known here.
    """
    revision = await past_revision(context, call)
    if revision is None:
        return await read_view(context.store, call.consistency)
    return await past_view(context, revision)


async def past_view(context: Context, revision: int) -> ClusterView:
    """Return the cluster as it was at `revision`; raises Invalid or NotRecorded."""
    found = await chronicle_of(context).at(revision, PREFIXES)
    return project(
        ((entry.key, entry.value, entry.mod_revision) for entry in found.entries), revision
    )


async def submit(
    context: Context,
    call: Call,
    decide: Callable[[ClusterView], Admitted | Rejected],
    check: Check = _no_check,
) -> Change:
    """Carry out what `decide` admits, deciding anew when the world moved meanwhile.

    Raises what `rejection` says when it is rejected, Conflict when the keys keep changing.
    """
    for _ in range(ATTEMPTS):
        view = await read_view(context.store, Consistency.LINEARIZABLE)
        decision = decide(view)
        if isinstance(decision, Rejected):
            raise rejection(decision)
        if not decision.changed:
            return Change(changed=False, revision=view.revision, summary=decision.summary)
        guards = (*decision.guards, *await check(view, decision))
        txn = Txn(then=decision.then, guards=guards, reason=call.reason(decision.summary))
        outcome = await context.store.txn(txn)
        if isinstance(outcome, Applied):
            return Change(changed=True, revision=outcome.revision, summary=decision.summary)
        if not outcome.failed:
            raise Invalid(outcome.message)
    raise Conflict(
        f"{call.rule} was tried {ATTEMPTS} times and each time others had changed the same keys; "
        "try again"
    )


def rejection(rejected: Rejected) -> AetherError:
    """Return the error that says what `rejected` says."""
    kinds = {"invalid": Invalid, "conflict": Conflict, "not_found": NotFound}
    return kinds[rejected.code](
        "\n".join(rejected.problems), fields={"problems": list(rejected.problems)}
    )
