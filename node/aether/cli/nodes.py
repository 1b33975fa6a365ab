"""`aether node …`."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import click

from aether.cli.client import REQUEST_TIMEOUT_S, path_to
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.moments import at_option
from aether.cli.names import NODE
from aether.cli.node_drain import DRAIN_TIMEOUT_S, DrainWait, drain_lines, wait_until_drained
from aether.cli.plans import DIGEST_OPTION, DRY_RUN_OPTION, plan_lines
from aether.cli.tables import render_pairs, render_table, table_of

_COLUMNS: Mapping[str, str] = {
    "NODE": "node",
    "VERDICT": "verdict",
    "LEADER": "leader",
    "ROLE": "role",
    "ORIGIN": "origin",
    "INSTANCES": "instances",
    "MANAGEMENT": "management",
    "ROUTER": "router",
    "VERSION": "version",
}
_ROUTERS: Mapping[str, str] = {
    "WORKER": "worker",
    "STATUS": "status",
    "PID": "pid",
    "VERSION": "version",
    "TABLE": "revision",
    "CLIENTS": "clients",
    "REQUESTS": "requests",
}
_HOSTED: Mapping[str, str] = {"INSTANCE": "instance", "DESIRED": "desired", "PHASE": "phase"}
_BESIDE = frozenset({"hosted", "drain", "progress"})
_JSON = {"content-type": "application/json"}

_force = click.option(
    "--force", is_flag=True, help="Let instances leave at once, below their budgets if need be."
)
_waits = click.option(
    "--wait/--detach",
    "waits",
    default=False,
    help="Wait until it is carried out, or not (default).",
)


@click.group(cls=LazyGroup)
def group() -> None:
    """Look at the nodes of the cluster; drain, stop, activate and remove them."""


@group.command("list")
@at_option
@click.pass_obj
def list_nodes(this: Invocation, at: str | None) -> None:
    """List the nodes, with what the leader thinks of them."""
    nodes = list(this.client.items("nodes", at=at))
    this.output.show(nodes, render_table(table_of(nodes, _COLUMNS)))


@group.command("show")
@click.argument("node", type=NODE)
@at_option
@click.pass_obj
def show_node(this: Invocation, node: str, at: str | None) -> None:
    """Show one node, the instances it hosts, and how far its draining has come."""
    answer = this.client.get(path_to("nodes", node, at=at))
    this.output.show(answer, node_lines(answer))


group.add_command(show_node, "get")


def node_lines(answer: Mapping[str, Any]) -> list[str]:
    """Return the screen of one node."""
    pairs = [(name, value) for name, value in answer.items() if name not in _BESIDE]
    hosted = render_table(table_of(answer["hosted"], _HOSTED)) if answer.get("hosted") else []
    return [
        *render_pairs(pairs),
        *(["", *hosted] if hosted else []),
        *(["", *drain_lines(answer)] if answer.get("progress") else []),
    ]


@group.command("drain")
@click.argument("node", type=NODE)
@click.option("--shutdown", is_flag=True, help="Stop its process once it is empty.")
@_force
@DIGEST_OPTION
@DRY_RUN_OPTION
@_waits
@click.pass_obj
def drain(this: Invocation, /, node: str, **asked: Any) -> None:  # noqa: ANN401 - click hands each option as it is
    """Empty NODE: every instance gets its replacement first, budgets are kept.

    `aether node activate` takes it back at any time.
    """
    _drain(this, node, "drain", asked)


@group.command("shutdown")
@click.argument("node", type=NODE)
@_force
@DIGEST_OPTION
@DRY_RUN_OPTION
@_waits
@click.pass_obj
def shutdown(this: Invocation, /, node: str, **asked: Any) -> None:  # noqa: ANN401 - click hands each option as it is
    """Empty NODE, then stop its process; the same as drain --shutdown."""
    _drain(this, node, "shutdown", {**asked, "shutdown": True})


def _drain(this: Invocation, node: str, verb: str, asked: Mapping[str, Any]) -> None:
    stops, body = bool(asked["shutdown"]), {"force": bool(asked["force"])}
    if asked["dry_run"]:
        _show_plan(this, path_to("nodes", node, "drain", "plan"), {"shutdown": stops, **body})
        return
    if verb == "drain":
        body = {"shutdown": stops, **body}
    _order(this, path_to("nodes", node, verb, plan=asked["plan"]), body)
    if asked["waits"]:
        _wait(this, node, stops=stops)


@group.command("activate")
@click.argument("node", type=NODE)
@click.pass_obj
def activate(this: Invocation, node: str) -> None:
    """Put NODE on duty again, whether it is still being drained or is drained."""
    _order(this, path_to("nodes", node, "activate"), None)


@group.command("remove")
@click.argument("node", type=NODE)
@click.option("--force", is_flag=True, help="Also when no voter is to spare then.")
@DIGEST_OPTION
@DRY_RUN_OPTION
@click.pass_obj
def remove(
    this: Invocation,
    node: str,
    *,
    force: bool,
    plan: str | None,
    dry_run: bool,
) -> None:
    """Forget NODE, lost or drained and stopped, for good; its vote goes with it."""
    forced = "true" if force else None
    if dry_run:
        _show_plan(this, path_to("nodes", node, "remove", "plan", force=forced), None)
        return
    _, answer = this.client.request("DELETE", path_to("nodes", node, force=forced, plan=plan))
    this.output.show(answer, [answer["summary"]])


@group.command("routers")
@click.argument("node", type=NODE)
@click.pass_obj
def routers(this: Invocation, node: str) -> None:
    """Show the router processes of a node."""
    answer = this.client.get(path_to("nodes", node, "router"))
    this.output.show(answer, _router_lines(answer))


@group.command("router-restart")
@click.argument("node", type=NODE)
@click.pass_obj
def router_restart(this: Invocation, node: str) -> None:
    """Replace the router processes of a node by new ones; no request is lost."""
    answer = _post(this, path_to("nodes", node, "router", "restart"), None)
    this.output.show(answer, _router_lines(answer))


def _router_lines(answer: Mapping[str, Any]) -> list[str]:
    workers = answer["workers"]
    problems = [
        f"worker {each['worker']}: {problem}"
        for each in workers
        for problem in (each.get("problem"), each.get("tls", {}).get("problem"))
        if problem
    ]
    return [*render_table(table_of(workers, _ROUTERS)), *problems]


def _order(this: Invocation, path: str, body: Mapping[str, bool] | None) -> None:
    answer = _post(this, path, body)
    this.output.show(answer, [answer["summary"]])


def _post(this: Invocation, path: str, body: Mapping[str, bool] | None) -> Any:  # noqa: ANN401 - JSON values
    data = b"" if body is None else json.dumps(body).encode()
    return this.client.request("POST", path, data, _JSON)[1]


def _show_plan(this: Invocation, path: str, body: Mapping[str, bool] | None) -> None:
    answer = _post(this, path, body)
    quorum = [(f"quorum {when}", _margin(answer["quorum"][when])) for when in ("before", "after")]
    this.output.show(answer, [*plan_lines(answer), *render_pairs(quorum)])


def _margin(counted: Mapping[str, Any]) -> str:
    spare = max(0, int(counted["may_fail"]))
    return (
        f"{counted['answering']} of {counted['voters']} voters answer, {counted['quorum']} make a "
        f"quorum, {spare} more may fail"
    )


def _wait(this: Invocation, node: str, *, stops: bool) -> None:
    wait = DrainWait(
        node=node,
        ask=_ask(this, node),
        ends_with_stop=stops,
        timeout_s=this.timeout_s or DRAIN_TIMEOUT_S,
    )
    this.output.say(wait_until_drained(wait, this.output))


def _ask(this: Invocation, node: str) -> Callable[[float], Any]:
    path = path_to("nodes", node)
    return lambda timeout_s: this.client.request(
        "GET", path, timeout_s=min(timeout_s, REQUEST_TIMEOUT_S)
    )[1]
