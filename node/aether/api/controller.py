"""Calls about what the leader would do: its last plan, and a dry run of its next."""

from typing import Any

from aether.api.asking import ask
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.core.control import evidence
from aether.core.model.plan import Command, Plan
from aether.core.model.records import to_plain
from aether.errors import AetherError

PLAN = v1("controller/plan")


async def show_plan(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer with what the leader decided when it looked last, and what it left undone."""
    return Answer(value=_show(context, context.last_plan()))


async def evaluate(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer with what the leader would do now, and decide about load; nothing is done."""
    scaling = await context.scaling.evaluate() if context.scaling is not None else {}
    return Answer(value={**_show(context, context.evaluate()), "scaling": scaling})


def _show(context: Context, plan: Plan) -> dict[str, Any]:
    return {
        "leader": context.node,
        "revision": context.store.revision,
        "commands": [_command(command) for command in plan.commands],
        "waiting": list(plan.waiting),
    }


def _command(command: Command) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(command)
    because = command.because
    plain["because"] = {
        "rule": because.rule,
        "text": because.text,
        "inputs": evidence.show(because.inputs),
        "rejected": dict(because.rejected),
    }
    return {"command": type(command).__name__, **plain}


async def waiting_of_leader(context: Context) -> tuple[list[str], str]:
    """Return what the leader left undone, in sentences, and why that cannot be told if so."""
    leader = context.store.leader
    if leader is None:
        return [], "no leader is known: nobody decides now, and nothing can be changed"
    if leader == context.node:
        return list(context.last_plan().waiting), ""
    try:
        answer = await ask(context, leader, PLAN)
    except AetherError as problem:
        return [], f"{leader} leads and does not say what it waits for: {problem.message}"
    waiting = answer.get("waiting") if isinstance(answer, dict) else None
    if not isinstance(waiting, list):
        return [], f"{leader} leads and does not say what it waits for"
    return [str(text) for text in waiting], ""


_ANSWERS = "`commands` with their reasons, and `waiting`: what is not done and what it waits for"
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=PLAN, name="controller.plan", handler=show_plan, leader_only=True,
        answers=f"what the leader decided when it looked last: {_ANSWERS}",
    ),
    Endpoint(
        method="GET", path=v1("controller/evaluate"), name="controller.evaluate",
        handler=evaluate, leader_only=True, answers=f"what the leader would do now: {_ANSWERS}; and `scaling`: what it would decide now about "
        "each slice by its load, with all of its reason",
    ),
)  # fmt: skip
