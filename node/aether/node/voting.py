"""Has this node vote when it may, and says so when it cannot."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from aether.core.agent.voting import VoteQuestion, may_ask, waiting_learners
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.view import project
from aether.errors import AetherError
from aether.ports import Clock, Group, Member, Store

_log = structlog.get_logger()

_LEARNER_LOOK_S = 1.0
_PROMOTE_S = 10.0


async def become_voter(
    group: Group, store: Store, node: NodeId, clock: Clock, *, is_worker: bool = False
) -> None:
    """Ask for a vote whenever this node is a learner and may have one, for ever; a worker never does.

    A node joins as a learner, so that no majority depends on one that has yet to fetch the log. That
    it is told to be a voter proves little: so it was when it was last here, and while it reads the
    log again it goes through all that it ever was. A node that was removed does not ask.
    """
    if is_worker:
        _log.info("a worker: hosts and does not vote", node=node)
        return
    while True:
        own = next((member for member in group.members if member.node == node), None)
        if own is not None and not own.voter and _may_ask(group.members, store, node):
            try:
                await group.add_member(replace(own, voter=True), _PROMOTE_S)
            except AetherError as problem:
                _log.info("still a learner", problem=problem.message)
            else:
                _log.info("votes now", node=node)
        await clock.sleep(_LEARNER_LOOK_S)


def _may_ask(members: Sequence[Member], store: Store, node: NodeId) -> bool:
    level = store.level((keys.NODES, keys.VERDICTS))
    entries = ((entry.key, entry.value, entry.mod_revision) for entry in level.entries)
    learners = [member.node for member in members if not member.voter and member.node != node]
    return may_ask(
        VoteQuestion(
            me=node,
            voters=[member.node for member in members if member.voter],
            waiting=waiting_learners(project(entries, level.revision), learners),
            is_worker=False,
        )
    )
