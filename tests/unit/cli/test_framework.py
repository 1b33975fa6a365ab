"""The frame of every command: loaded when named, shared options on both sides."""

import subprocess
import sys

import click
import pytest

from aether.cli.framework import DurationType, invocation
from aether.cli.root import TABLE, root
from tests.cli_world import Answer, FakeApi, page
from tests.unit.cli.conftest import Aether


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_name_of_the_table_is_a_command(name: str) -> None:
    context = click.Context(root)
    command = root.get_command(context, name)
    assert isinstance(command, click.Command)
    names = [name for option in command.params for name in option.opts]
    assert {"-o", "--endpoint", "--quiet", "--timeout"} <= set(names)


def test_nothing_heavy_is_imported_to_start() -> None:
    code = (
        "import sys, aether.cli.root\n"
        "assert not {'asyncio', 'msgspec', 'pydantic', 'aiohttp', 'rich', 'aether.sdk', "
        "'aether.artifacts.build'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_shared_options_before_and_after(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "nodes?limit=1000", page())
    assert aether("-o", "json", "node", "list").out == "[]\n"
    assert aether("node", "-o", "json", "list").out == "[]\n"
    assert aether("node", "list", "-o", "json").out == "[]\n"
    assert aether("-o", "json", "node", "list", "-o", "table").out.startswith("NODE")


def test_endpoints_by_option_beat_those_of_the_environment(
    api: FakeApi, aether: Aether, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.on("GET", "status", Answer(value={"leader": "node-1"}))
    monkeypatch.setenv("AETHER_ENDPOINT", "http://127.0.0.1:1")
    assert aether("status").code == 5
    assert aether("status", "--endpoint", f"http://127.0.0.1:1,{api.url}").code == 0
    bad = aether("status", "--endpoint", "https://x")
    assert (bad.code, "expected http://HOST:PORT" in bad.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("120s", 120), ("500ms", 0.5), ("3", 3), ("2m", 120)]
)
def test_durations(text: str, seconds: float) -> None:
    assert DurationType().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "-1s", "0", "soon", "1d", "inf"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        DurationType().convert(text, None, None)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AETHER_ENDPOINT", raising=False)
    made = invocation({})
    assert str(made.client._endpoints[0]) == "http://127.0.0.1:8080"
    assert (made.output.format, made.output.quiet, made.timeout_s) == ("table", False, None)
