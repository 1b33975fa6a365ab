"""`aether status`: the cluster on one screen."""

from collections.abc import Mapping
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.framework import Command, Invocation
from aether.cli.moments import at_option
from aether.cli.tables import render_pairs


@click.command(cls=Command)
@at_option
@click.pass_obj
def status(this: Invocation, at: str | None) -> None:
    """Show how the cluster does, as the node asked sees it."""
    answer = this.client.get(path_to("status", at=at))
    this.output.show(answer, status_lines(answer))


def status_lines(answer: Mapping[str, Any]) -> list[str]:
    """Return the screen: nothing that is empty, what is wrong last."""
    instances: Mapping[str, Any] = answer.get("instances") or {}
    pairs: list[tuple[str, object]] = [
        ("cluster", answer.get("cluster")),
        ("asked", f"{answer.get('node')} ({'ready' if answer.get('ready') else 'not ready'})"),
        ("leader", answer.get("leader") or "none: nothing can be changed now"),
        ("revision", answer.get("revision")),
        ("nodes", _counts(answer.get("nodes") or {})),
        ("blueprints", _counts(answer.get("blueprints") or {})),
        ("slices", answer.get("slices")),
        ("instances", f"{instances.get('active', 0)} of {instances.get('wanted', 0)} serve"),
        ("version", answer.get("version")),
    ]
    pairs += [("not ready", reason) for reason in answer.get("reasons") or ()]
    unreadable: Mapping[str, Any] = answer.get("unreadable") or {}
    pairs += [("unreadable", f"{key}: {why}") for key, why in unreadable.items()]
    return render_pairs(pairs)


def _counts(counted: Mapping[str, Any]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counted.items())) or "none"
