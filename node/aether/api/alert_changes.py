"""How handlers read and change what is said about alerts: a fresh book, a decision, a guarded write."""

from collections.abc import Callable

from aether.api.call import Call, Context
from aether.api.views import ATTEMPTS, Change, rejection
from aether.core.alerts.book import PREFIXES, AlertBook, open_book
from aether.core.control.admission import Admitted, Rejected
from aether.core.model import keys
from aether.core.model.ids import NodeId, parse_node_id
from aether.core.store.commands import Applied, Consistency, Txn
from aether.errors import Conflict, Invalid


async def read_book(context: Context, consistency: Consistency) -> AlertBook:
    """Return what the store says about alerts, as fresh as asked for."""
    if consistency is Consistency.LINEARIZABLE:
        await context.store.get(keys.EPOCH)
    level = context.store.level(PREFIXES)
    return open_book(level.entries, level.revision)


async def submit(
    context: Context, call: Call, decide: Callable[[AlertBook], Admitted | Rejected]
) -> Change:
    """Carry out what `decide` admits, deciding anew when the book changed meanwhile.

    Raises what the rejection says, Conflict when the keys keep changing.
    """
    for _ in range(ATTEMPTS):
        book = await read_book(context, Consistency.LINEARIZABLE)
        decision = decide(book)
        if isinstance(decision, Rejected):
            raise rejection(decision)
        if not decision.changed:
            return Change(changed=False, revision=book.revision, summary=decision.summary)
        reason = call.reason(decision.summary)
        txn = Txn(then=decision.then, guards=decision.guards, reason=reason)
        outcome = await context.store.txn(txn)
        if isinstance(outcome, Applied):
            return Change(changed=True, revision=outcome.revision, summary=decision.summary)
        if not outcome.failed:
            raise Invalid(outcome.message)
    raise Conflict(
        f"{call.rule} was tried {ATTEMPTS} times and each time others had changed the same keys; "
        "try again"
    )


def nodes_of(names: tuple[str, ...] | list[str]) -> tuple[NodeId, ...]:
    """Return names as node ids; raise Invalid for one that is none."""
    try:
        return tuple(parse_node_id(name) for name in names)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem
