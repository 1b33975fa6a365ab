"""Plans on the screen, and the options of commands that can be planned."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from aether.cli.framework import Invocation
from aether.cli.names import DIGEST
from aether.cli.tables import Table, cell, printable, render_pairs, render_table, table_of

DIGEST_OPTION = click.option(
    "--plan",
    "plan",
    metavar="DIGEST",
    type=DIGEST,
    help="Do it only when its outcome is still that of the plan with this digest.",
)
DRY_RUN_OPTION = click.option(
    "--dry-run", "dry_run", is_flag=True, help="Show the plan, and change nothing."
)

_STEPS: Mapping[str, str] = {
    "AT": "at",
    "STEP": "verb",
    "WHAT": "what",
    "NODE": "node",
    "WHY": "why",
}
_SLICES: Mapping[str, str] = {
    "SLICE": "base",
    "BEFORE": "was",
    "AFTER": "is",
    "STARTED": "started",
    "REMOVED": "removed",
    "RESTARTED": "restarted",
}
_DIPS: Mapping[str, str] = {
    "SLICE": "slice",
    "LOWEST": "lowest",
    "USUAL": "usual",
    "BUDGET": "budget",
    "FROM": "from",
    "TO": "to",
}


def show_plan(this: Invocation, answer: Mapping[str, Any]) -> None:
    """Print a plan: all of it as JSON, or the screen for people."""
    this.output.show(answer, plan_lines(answer))


def plan_lines(answer: Mapping[str, Any]) -> list[str]:
    """Return the screen of one plan; its last lines are what to decide by."""
    changed = [slice_["base"] for slice_ in answer["slices"]]
    return [
        *_section("steps", table_of(map(_step, answer["steps"]), _STEPS)),
        *_section("slices", table_of(map(_slice, answer["slices"]), _SLICES)),
        *_section("traffic", _traffic(answer["slices"])),
        *_section("placements", _placements(answer["placements"], changed)),
        *_section("fewer ACTIVE than usual", table_of(map(_dip, answer["dips"]), _DIPS)),
        *_listed("below budget", answer["below_budget"]),
        *_listed("waiting", answer["waiting"]),
        *render_pairs(
            [
                ("change", answer["summary"]),
                ("steps", len(answer["steps"])),
                ("settles", "yes" if answer["converged"] else "no, see waiting"),
                ("duration", f"about {answer['duration_s']:.1f} s"),
                ("digest", answer["digest"]),
            ]
        ),
    ]


def _section(title: str, table: Table) -> list[str]:
    return [f"{title}:", *render_table(table), ""] if table.rows else []


def _listed(title: str, sentences: Iterable[str]) -> list[str]:
    lines = [f"  {printable(text)}" for text in sentences]
    return [f"{title}:", *lines, ""] if lines else []


def _seconds(value: float | None) -> str:
    return "not in sight" if value is None else f"{value:.1f}s"


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    what = step["instance"] or step["slice"]
    return {**step, "at": _seconds(step["at_s"]), "what": what}


def _slice(slice_: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: len(slice_[name]) for name in ("started", "removed", "restarted")}
    return {**slice_, **counts, "was": _state(slice_["before"]), "is": _state(slice_["after"])}


def _state(state: Mapping[str, Any] | None) -> str:
    return f"{state['active']}/{state['wanted']} of {state['version']}" if state else ""


def _dip(dip: Mapping[str, Any]) -> dict[str, Any]:
    return {**dip, "from": _seconds(dip["from_s"]), "to": _seconds(dip["to_s"])}


def _traffic(slices: Iterable[Mapping[str, Any]]) -> Table:
    """Return who takes which part of a slice's requests from when on."""
    rows = []
    for slice_ in slices:
        for part in slice_["traffic"]:
            active: Mapping[str, int] = part["active"]
            total = sum(active.values())
            shares = ", ".join(
                f"{version} {count / total:.0%} ({count})" for version, count in active.items()
            )
            row = (slice_["base"], _seconds(part["at_s"]), shares or "nobody")
            rows.append(tuple(map(cell, row)))
    return Table(("SLICE", "FROM", "ACTIVE"), tuple(rows))


def _placements(placements: Mapping[str, Any], bases: Iterable[str]) -> Table:
    """Return the nodes and their instances of the slices that change."""
    begins = tuple(f"{base}:" for base in bases)
    rows = [
        (cell(node), cell(len(instances)), cell(instance))
        for node, instances in placements.items()
        for instance in instances
        if instance.startswith(begins)
    ]
    return Table(("NODE", "HOSTS IN ALL", "INSTANCE"), tuple(rows))
