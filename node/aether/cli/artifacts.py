"""`aether artifact …`: wheels into the cluster."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.files import read_input
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.tables import render_pairs, render_table, table_of

MAX_WHEEL_BYTES = 64 * 1024 * 1024
"""Largest wheel the API takes."""
PUSH_TIMEOUT_S = 300.0
"""Longest time to push: sending (the API reads for 120 s), a trial import, copies on other nodes."""

_COLUMNS: Mapping[str, str] = {
    "ARTIFACT": "artifact",
    "KIND": "kind",
    "SIZE": "size",
    "DIGEST": "digest",
    "HOLDERS": "holders",
}


@click.group(cls=LazyGroup)
def group() -> None:
    """Push and list wheels of slices."""


@group.command("list")
@click.pass_obj
def list_artifacts(this: Invocation) -> None:
    """List the artifacts the cluster holds."""
    artifacts = list(this.client.items("artifacts"))
    rows = [
        {**item, "kind": item["manifest"]["kind"], "digest": item["digest"][:12]}
        for item in artifacts
    ]
    this.output.show(artifacts, render_table(table_of(rows, _COLUMNS)))


@group.command("push")
@click.argument("path", type=click.Path(exists=True))
@click.pass_obj
def push(this: Invocation, path: str) -> None:
    """Store the wheel PATH in the cluster; a project directory is built first.

    The node checks the wheel, imports it once in a process of its own and copies it to others.
    """
    if Path(path).is_dir():
        with tempfile.TemporaryDirectory(prefix="aether-push-") as scratch:
            wheel = build(this, Path(path), Path(scratch))
            _push(this, wheel)
    else:
        _push(this, Path(path))


def build(this: Invocation, project: Path, out: Path) -> Path:
    """Build the wheel of a project, telling so; raises what `build_wheel` raises."""
    from aether.artifacts.build import build_wheel  # noqa: PLC0415 - building is rare and heavy

    this.output.say(f"building {project}")
    return build_wheel(project, out)


def _push(this: Invocation, wheel: Path) -> None:
    data = read_input(str(wheel), MAX_WHEEL_BYTES, "a wheel")
    digest = hashlib.sha256(data).hexdigest()
    this.output.say(f"pushing {wheel.name}: {len(data)} bytes, sha256 {digest}")
    status, record = this.client.request(
        "POST",
        path_to("artifacts", filename=wheel.name, digest=f"sha256:{digest}"),
        data,
        {"content-type": "application/octet-stream"},
        timeout_s=this.timeout_s or PUSH_TIMEOUT_S,
    )
    if status == 200:
        this.output.say("the cluster had this artifact already; nothing changed")
    this.output.show(record, _record_lines(record))


def _record_lines(record: Mapping[str, Any]) -> list[str]:
    manifest: Mapping[str, Any] = record["manifest"]
    routes = [f"{route['method']} {route['pattern']}" for route in manifest.get("routes", ())]
    needs = [need["slice"] for need in manifest.get("dependencies", ())]
    pairs = [
        ("artifact", record["artifact"]),
        ("digest", f"sha256:{record['digest']}"),
        ("size", record["size"]),
        ("holders", record["holders"]),
        ("kind", manifest.get("kind")),
        ("threads", manifest.get("threads")),
        ("routes", "; ".join(routes)),
        ("methods", manifest.get("methods")),
        ("needs", needs),
    ]
    return render_pairs([pair for pair in pairs if pair[1]])
