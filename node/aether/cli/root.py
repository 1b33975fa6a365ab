"""The root of the command tree, and how every ending becomes an exit code."""

import os
import sys
from collections.abc import Mapping, Sequence

import click

from aether.cli.exits import ExitCode
from aether.cli.failures import CliError, failure_of_error
from aether.cli.framework import LazyGroup
from aether.cli.output import complain
from aether.errors import AetherError

TABLE: Mapping[str, tuple[str, str]] = {
    "alert": ("aether.cli.alerts:group", "See what is bad, and silence it."),
    "artifact": ("aether.cli.artifacts:group", "Push and list wheels of slices."),
    "blueprint": ("aether.cli.blueprints:group", "Say what is to run, and look how it goes."),
    "cluster": ("aether.cli.cluster:group", "Members, leadership, backup, restore, recovery."),
    "config": ("aether.cli.config:group", "Look at settings in force, and change them."),
    "controller": ("aether.cli.controller:group", "Look at how slices are scaled by load."),
    "diff": ("aether.cli.why:diff", "Show what changed between two moments, and why."),
    "event": ("aether.cli.events:group", "See what happened, and follow it."),
    "forecast": ("aether.cli.forecast:group", "Look at forecasts of traffic."),
    "kv": ("aether.cli.kv:group", "Read and write keys of the store."),
    "log": ("aether.cli.log_levels:group", "Have single loggers log more or less."),
    "metric": ("aether.cli.metrics:group", "Look at what is measured, and at slow calls."),
    "node": ("aether.cli.nodes:group", "Look at, drain, stop and remove nodes."),
    "route": ("aether.cli.routes:group", "Look at the HTTP routes."),
    "slice": ("aether.cli.slices:group", "Look at, scale and build slices."),
    "status": ("aether.cli.status:status", "Show how the cluster does."),
    "threshold": ("aether.cli.thresholds:group", "Say when a value is bad."),
    "top": ("aether.cli.top:top", "Watch what nodes and slices use and do."),
    "topology": ("aether.cli.topology:group", "Say how many nodes are wanted."),
    "webhook": ("aether.cli.webhooks:group", "Say who is told of events by HTTP."),
    "trace": ("aether.cli.traces:group", "Look at traces of requests."),
    "why": ("aether.cli.why:why", "Say why a slice, a node or a blueprint is as it is."),
}


@click.group(
    cls=LazyGroup,
    table=TABLE,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 error, 2 usage or invalid input, 3 not found, 4 refused, "
    "5 unavailable or outcome unknown, 130 interrupted.",
)
@click.version_option(package_name="aether-cluster", prog_name="aether")
def root() -> None:
    """Talk to an Aether cluster through the management API of any of its nodes."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is raised that we foresaw."""
    # A name in a character set the terminal lacks must not hide the rest of a table.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        outcome = root.main(args=list(arguments), prog_name="aether", standalone_mode=False)
    except CliError as failure:
        complain(failure)
        return failure.exit_code
    except AetherError as error:
        foreseen = failure_of_error(error)
        complain(foreseen)
        return foreseen.exit_code
    except click.ClickException as problem:
        problem.show()
        return ExitCode.INVALID
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough; the interpreter's last flush must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ERROR
    return outcome if isinstance(outcome, int) else ExitCode.OK
