"""`aether config …`."""

import json
from typing import Any

import pytest

from aether.cli.config import change_lines, value_of
from tests.cli_world import Answer, FakeApi, page, problem
from tests.unit.cli.conftest import Aether

SHOP = "org.example:shop"


def row(
    name: str, value: object, scope: str = "cluster", origin: str = "default"
) -> dict[str, Any]:
    return {
        "name": name,
        "scope": scope,
        "value": value,
        "origin": origin,
        "default": 5,
        "unit": "s",
        "allowed": "a number from 0.5 to 3600 s",
        "scopes": ["cluster"],
        "meaning": "silence",
    }


def changed(value: object = 9) -> Answer:
    of_force = row("control.lost_after_s", value, origin="cluster")
    return Answer(value={"changed": True, "revision": 4, "summary": "done", "in_force": of_force})


def test_list_shows_values_and_where_they_come_from_when_asked(
    api: FakeApi, aether: Aether
) -> None:
    rows = [row("a", 5), row("b", {"x": [1]}, f"slice/{SHOP}", f"slice/{SHOP}")]
    api.on("GET", "config?limit=1000", page(*rows))
    lines = aether("config", "list").out.splitlines()
    assert lines[0].split() == ["SCOPE", "NAME", "VALUE", "UNIT"]
    assert lines[2].split() == [f"slice/{SHOP}", "b", '{"x":', "[1]}", "s"]
    shown = aether("config", "list", "--origin").out.splitlines()
    assert shown[0].split()[-2:] == ["ORIGIN", "ALLOWED"]
    assert "default" in shown[1]
    assert json.loads(aether("-o", "json", "config", "list").out) == rows
    api.on("GET", "config?scope=node%2Fn1&limit=1000", page(row("a", 7, "node/n1")))
    assert "node/n1" in aether("config", "list", "--scope", "node/n1").out


def test_get_shows_one_setting_of_a_scope(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "config/node/n1/log.level", Answer(value=row("log.level", "debug", "node/n1")))
    ran = aether("config", "get", "log.level", "--node", "n1")
    assert "value:    debug" in ran.out
    assert "origin:   default" in ran.out
    assert aether("config", "get", "log.level").code == 3


@pytest.mark.parametrize(
    ("arguments", "path", "value"),
    [
        (("control.lost_after_s", "9"), "cluster/control.lost_after_s", 9),
        (("log.level", "debug", "--node", "n1"), "node/n1/log.level", "debug"),
        (("limits", '{"low": 1}', "--slice", SHOP), f"slice/{SHOP}/limits", {"low": 1}),
        (("note", "7", "--slice", SHOP, "--text"), f"slice/{SHOP}/note", "7"),
    ],
)
def test_set_sends_the_value(
    api: FakeApi, aether: Aether, arguments: tuple[str, ...], path: str, value: object
) -> None:
    api.on("PUT", f"config/{path}", changed())
    ran = aether("config", "set", *arguments)
    assert ran.out == "done\nin force for cluster: 9 s (from cluster)\n"
    assert json.loads(api.asked[-1].body) == {"value": value}


def test_unset_says_what_counts_again(api: FakeApi, aether: Aether) -> None:
    api.on("DELETE", f"config/slice/{SHOP}/note", changed())
    assert "in force" in aether("config", "unset", "note", "--slice", SHOP).out
    gone = {"changed": True, "revision": 4, "summary": "done", "in_force": None}
    assert change_lines(gone) == ["done"]


def test_what_cannot_be_is_refused_here_or_there(api: FakeApi, aether: Aether) -> None:
    assert aether("config", "set", "a", "1", "--node", "n1", "--slice", SHOP).code == 2
    assert aether("config", "set", "a", "1", "--node", "N 1").code == 2
    assert aether("config", "get", "a", "--slice", "shop").code == 2
    assert api.asked == []
    api.on("PUT", "config/cluster/a", problem(422, "a is no setting"))
    assert aether("config", "set", "a", "1").code == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("true", True),
        ('"5"', "5"),
        ("EUR", "EUR"),
        ("[1, 2]", [1, 2]),
        ("", ""),
        ("NaN", "NaN"),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_a_value_is_json_or_else_text(text: str, value: object) -> None:
    assert value_of(text) == value
