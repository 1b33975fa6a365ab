"""The `aether-forge` command: a cluster in the foreground, and commands to it from another shell."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click

from aether_forge import control
from aether_forge.failures import ForgeError
from aether_forge.layout import MAX_NODES, Layout, number_of
from aether_forge.processes import PARTS
from aether_forge.session import UpOptions, run_up
from aether_forge.simulation import replay, scenario, sim
from aether_forge.training.command import evaluate, train

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".aether/forge"),
    show_default=True,
    help="Directory of the forge; kept between runs.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aether-cluster")
def forge() -> None:
    """Run an Aether cluster on this machine, as real processes."""


@forge.command()
@click.option("--nodes", type=click.IntRange(1, MAX_NODES), default=3, show_default=True)
@click.option("--blueprint", "blueprints", multiple=True, type=click.Path(path_type=Path))
@click.option(
    "--artifact",
    "artifacts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A wheel, or a project directory to build one from.",
)
@data_dir_option
@click.option(
    "--port-offset",
    type=click.IntRange(0, 50_000),
    default=None,
    help="Moves all ports up.  [default: 0, or what the directory was made with]",
)
@click.option(
    "--auto-heal",
    type=click.IntRange(0, MAX_NODES),
    default=0,
    metavar="N",
    help="Keep N nodes: one that is lost is replaced by a new one.  [default: off]",
)
@click.option("--fresh", is_flag=True, help="Empty the directory first: a new cluster.")
def up(*, data_dir: Path, **options: Any) -> None:  # noqa: ANN401 - the other fields of UpOptions
    """Start a cluster, or resume the one in the directory, and keep it until Ctrl-C."""
    asyncio.run(run_up(UpOptions(data_dir=data_dir.absolute(), **options), _say))


@forge.command()
@click.argument("node")
@click.option("--only", type=click.Choice(PARTS), help="Kill this one process of the node.")
@data_dir_option
def kill(node: str, only: str | None, data_dir: Path) -> None:
    """Kill NODE at once, as a machine that loses power; or one process of it."""
    click.echo(_ask(data_dir, {"op": "kill", "node": _number(node), "only": only}))


@forge.command()
@click.argument("node")
@data_dir_option
def start(node: str, data_dir: Path) -> None:
    """Start NODE again with the data it had."""
    click.echo(_ask(data_dir, {"op": "start", "node": _number(node)}))


@forge.command()
@data_dir_option
def add(data_dir: Path) -> None:
    """Add a node under the next free number."""
    click.echo(_ask(data_dir, {"op": "add"}))


@forge.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table")
@data_dir_option
def status(output: str, data_dir: Path) -> None:
    """Show the nodes and their processes."""
    nodes = _ask(data_dir, {"op": "status"})
    if output == "json":
        click.echo(json.dumps(nodes, indent=2))
        return
    columns = ("node", "state", "ready", "pid", "processes", "router", "management")
    rows = [columns, *(tuple(_cell(node[name]) for name in columns) for node in nodes)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


forge.add_command(sim)
forge.add_command(replay)
forge.add_command(scenario)
forge.add_command(train)
forge.add_command(evaluate)


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def _number(node: str) -> int:
    try:
        return number_of(node)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from problem


def _ask(data_dir: Path, request: dict[str, Any]) -> Any:  # noqa: ANN401 - as the forge answers
    return asyncio.run(control.call(Layout(data_dir.absolute()).socket, request))


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    """Run the command; the console script calls this."""
    try:
        forge.main(standalone_mode=False)
    except ForgeError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
