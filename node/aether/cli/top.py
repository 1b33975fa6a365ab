"""`aether top`: nodes and slices with what they use and do, drawn anew each second."""

import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import click

from aether.cli.failures import CliError
from aether.cli.framework import Command, DurationType, Invocation
from aether.cli.tables import render_table, table_of
from aether.config.size import show_size

_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_OTHER_SCREEN, _BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
SORTS = ("rate", "cpu", "p99", "errors", "name")
STALE_S = 3.0

_NODES: Mapping[str, str] = {
    "NODE": "node",
    "CPU_%": "cpu",
    "MEM_%": "memory",
    "DISK_%": "disk",
    "NET_IN": "net_in",
    "NET_OUT": "net_out",
    "LAG_MS": "lag",
    "FDS": "fds",
    "RSS": "rss",
    "INSTANCES": "instances",
    "AGE_S": "age",
}
_SLICES: Mapping[str, str] = {
    "SLICE": "slice",
    "INST": "instances",
    "REQ/S": "rate",
    "IN_FLIGHT": "in_flight",
    "ERRORS_%": "errors",
    "P50_MS": "p50",
    "P95_MS": "p95",
    "P99_MS": "p99",
    "CORES": "cpu",
    "RSS": "rss",
    "RETRY/S": "retries",
}


@click.command(cls=Command)
@click.option(
    "--every", metavar="DURATION", type=DurationType(), default="1s", show_default=True,
    help="Between two looks.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Show it once and end, as when piped.")
@click.option("--sort", type=click.Choice(SORTS), default="rate", show_default=True)
@click.pass_obj
def top(this: Invocation, every: float, sort: str, *, once: bool) -> None:
    """Watch what nodes and slices use and do; end with Ctrl-C.

    CORES and RSS are means of a slice's instances, latencies and errors of its last ten seconds.
    """
    if once or this.output.format == "json" or not sys.stdout.isatty():
        metrics = this.client.get("/api/v1/metrics")
        this.output.show(metrics, screen(metrics, sort))
        return
    print(_OTHER_SCREEN, end="")
    try:
        _watch(this, max(every, 0.2), sort)
    except KeyboardInterrupt:
        return  # how people leave it is no failure
    finally:
        print(_BACK, end="", flush=True)


def _watch(this: Invocation, every_s: float, sort: str) -> None:
    waiting = threading.Event()
    lines: Sequence[str] = ()
    while True:
        size = shutil.get_terminal_size()
        try:
            lines = screen(this.client.get("/api/v1/metrics"), sort)
            problem = ""
        except CliError as failure:  # a node that restarts, or no node: shown, and tried again
            problem = next(iter(failure.lines()), "no answer")
        shown = [problem, *lines] if problem else list(lines)
        drawn = "".join(
            f"{line[: size.columns]}{_CLEAR_LINE}\n" for line in shown[: size.lines - 1]
        )
        print(f"{_HOME}{drawn}{_CLEAR_BELOW}", end="", flush=True)
        waiting.wait(every_s)


def screen(metrics: Mapping[str, Any], sort: str) -> list[str]:
    """Return the screen: how old it is, nodes, slices."""
    age = float(metrics["age_s"])
    late = f"; nothing new for {age:.0f} s" if age > STALE_S else ""
    leader = metrics["leader"] or "none"
    head = f"leader {leader}; {len(metrics['nodes'])} nodes, {len(metrics['slices'])} slices{late}"
    nodes = table_of([_node(one) for one in metrics["nodes"]], _NODES)
    slices = table_of([_slice(one) for one in sorted_slices(metrics["slices"], sort)], _SLICES)
    return [head, "", *render_table(nodes), "", *render_table(slices)]


def sorted_slices(slices: Sequence[Mapping[str, Any]], sort: str) -> list[Mapping[str, Any]]:
    """Return slices with the largest first of what is asked for; by name among equals."""
    fields = {"rate": "rate", "cpu": "cpu", "p99": "p99_s", "errors": "error_share"}
    by_name = sorted(slices, key=lambda one: str(one["slice"]))
    if sort == "name":
        return by_name
    return sorted(by_name, key=lambda one: -float(one[fields[sort]] or 0.0))


def _node(one: Mapping[str, Any]) -> Mapping[str, object]:
    return {
        "node": one["node"],
        "cpu": f"{100 * one['cpu']:.0f}",
        "memory": _percent(one["memory_used"], one["memory_total"]),
        "disk": _percent(one["disk_used"], one["disk_total"]),
        "net_in": f"{show_size(round(one['net_in']))}/s",
        "net_out": f"{show_size(round(one['net_out']))}/s",
        "lag": f"{1000 * one['loop_lag_s']:.1f}",
        "fds": one["fds"],
        "rss": show_size(one["rss"]),
        "instances": one["instances"],
        "age": f"{one['age_s']:.1f}",
    }


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f}" if whole else ""


def _slice(one: Mapping[str, Any]) -> Mapping[str, object]:
    return {
        "slice": one["slice"],
        "instances": one["instances"],
        "rate": _number(one["rate"], 1),
        "in_flight": one["in_flight"],
        "errors": _number(one["error_share"], 2, 100),
        **{name: _number(one[f"{name}_s"], 1, 1000) for name in ("p50", "p95", "p99")},
        "cpu": _number(one["cpu"], 3),
        "rss": show_size(round(one["rss"])) if one["rss"] is not None else "",
        "retries": f"{one['retries']:.1f}",
    }


def _number(value: float | None, digits: int, times: float = 1) -> str:
    return "" if value is None else f"{times * value:.{digits}f}"
