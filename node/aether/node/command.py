"""The `aether-node` command: flags and configuration in, exit code out."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

import click
import structlog

from aether.config.node import NodeConfig, load_config
from aether.config.version import aether_version
from aether.errors import ConfigInvalid
from aether.logs.setup import configure_logs
from aether.node.runtime import Node
from aether.rpc.admission import NodeIdTaken

_log = structlog.get_logger()

_OK, _FAILED, _BAD_CONFIG = 0, 1, 2
_SECTIONS = {"log_level": "log.level"}
"""Flags whose setting stands in a section."""


_SWITCH_S = 0.0005
"""Longest time a thread that reads somebody's text keeps the loop waiting; Python's own 5 ms add up."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(aether_version(), prog_name="aether-node")
@click.option("--config", metavar="FILE", help="TOML file with any of these settings.")
@click.option("--node-id", metavar="ID", help="Name of this node, unique in its cluster.")
@click.option("--data-dir", metavar="DIR", help="Directory of everything the node keeps.")
@click.option("--bind", metavar="IP", help="Address all ports listen on (default 127.0.0.1).")
@click.option("--management-port", metavar="PORT", help="Management API (default 8080).")
@click.option("--router-port", metavar="PORT", help="Application HTTP (default 8070).")
@click.option("--cluster-port", metavar="PORT", help="Calls between nodes (default 8090).")
@click.option("--raft-port", metavar="PORT", help="Replicated log (default 8091).")
@click.option("--mesh-port", metavar="PORT", help="Routers among each other (default 8092).")
@click.option("--join", metavar="HOST:PORT", multiple=True, help="Cluster port of any live node.")
@click.option("--bootstrap-expect", metavar="N", help="Nodes that found a new cluster (default 1).")
@click.option("--role", metavar="ROLE", help="voter (default) or worker: hosts and never votes.")
@click.option("--capacity", metavar="N", help="Most instances this node hosts (default 200).")
@click.option(
    "--allow-insecure-bind", is_flag=True, default=None, help="Permit --bind off loopback."
)
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
def node_command(**flags: Any) -> None:  # noqa: ANN401 - click hands each flag as it is
    """Run one node of an Aether cluster until SIGTERM or Ctrl-C."""
    given = {
        _SECTIONS.get(name, name): value for name, value in flags.items() if value not in (None, ())
    }
    sys.exit(run(given, os.environ))


def run(flags: Mapping[str, Any], environ: Mapping[str, str]) -> int:
    """Run a node with these settings; return the process's exit code."""
    try:
        config = load_config(flags, environ)
    except ConfigInvalid as problem:
        return _say(problem)
    configure_logs("node", config.node_id, config.log.level)
    if config.allow_insecure_bind:
        _log.warning("bind may be off loopback, and there is no TLS and no authentication yet")
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.freeze()  # what was loaded stays: no collection need look at it
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return _OK if runner.run(_run(config)) else _FAILED
    except (ConfigInvalid, NodeIdTaken) as problem:
        return _say(problem)


async def _run(config: NodeConfig) -> bool:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await Node(config).run(stop)


def _loop_factory() -> Any:  # noqa: ANN401 - uvloop's own type where it is installed
    try:
        import uvloop  # noqa: PLC0415 - a faster loop where there is one; never required
    except ImportError:
        return None
    return uvloop.new_event_loop


def _say(problem: BaseException) -> int:
    """Print every problem of a configuration; return the exit code for that."""
    problems = problem.problems if isinstance(problem, ConfigInvalid) else [str(problem)]
    for line in problems:
        click.echo(f"aether-node: {line}", err=True)
    return _BAD_CONFIG
