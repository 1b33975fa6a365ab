"""`aether blueprint schema` asks no node."""

import json

from tests.cli_world import FakeApi
from tests.unit.cli.conftest import Aether


def test_the_format_for_people_and_for_programs(api: FakeApi, aether: Aether) -> None:
    ran = aether("blueprint", "schema")
    assert ran.code == 0
    assert "| `min_available` |" in ran.out
    schema = json.loads(aether("blueprint", "schema", "-o", "json").out)
    assert schema["properties"]["id"]["type"] == "string"
    assert api.asked == []


def test_the_help_lists_all_commands(aether: Aether) -> None:
    out = aether("blueprint", "--help").out
    assert all(name in out for name in ("apply", "diff", "history", "reapply", "schema", "show"))
