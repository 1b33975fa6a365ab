import json
from typing import Any

import click
import pytest

from aether.cli.slice_traffic import read_rule
from tests.cli_world import Answer, Asked, FakeApi, problem
from tests.unit.cli.conftest import Aether

PATH = "slices/g:a/traffic"


def shown(
    *versions: tuple[str, int | None, int], rules: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    rows = [
        {"version": one, "weight": weight, "active": active} for one, weight, active in versions
    ]
    return {"base": "g:a", "versions": rows, "rules": rules or []}


def test_show(api: FakeApi, aether: Aether) -> None:
    api.on("GET", PATH, Answer(value=shown(("1.0.0", None, 2))))
    out = aether("slice", "traffic", "g:a").out
    assert "1.0.0    -       2" in out
    assert "every instance gets the same" in out
    rules = [
        {"version": "1.1.0", "header": "x-beta", "cookie": "", "value": "yes", "percent": 0.0},
        {"version": "1.1.0", "header": "", "cookie": "sid", "value": "", "percent": 2.5},
    ]
    api.on("GET", PATH, Answer(value=shown(("1.0.0", 9, 2), ("1.1.0", 1, 1), rules=rules)))
    out = aether("slice", "traffic", "g:a").out
    assert "  header x-beta equal to 'yes' → 1.1.0" in out
    assert "  2.5 % of the clients by cookie sid → 1.1.0" in out
    assert "every instance" not in out


def test_divide_and_reset(api: FakeApi, aether: Aether) -> None:
    answer = {"changed": True, "revision": 7, "summary": "divided", **shown(("1.0.0", 9, 2))}
    api.on("PUT", PATH, Answer(value=answer))
    ran = aether(
        "slice", "traffic", "g:a", "1.0.0=9", "1.1.0=1", "--rule", "1.1.0=header:x-beta=a=b"
    )
    assert ran.code == 0
    assert json.loads(api.asked[0].body) == {
        "weights": {"1.0.0": 9, "1.1.0": 1},
        "rules": [{"version": "1.1.0", "header": "x-beta", "value": "a=b"}],
    }
    api.on("DELETE", PATH, Answer(value=answer))
    assert aether("slice", "traffic", "g:a", "--reset").code == 0
    assert api.asked[1] == Asked("DELETE", f"/api/v1/{PATH}", b"")
    api.on("PUT", PATH, problem(422, "version '2.0.0' of g:a does not run"))
    assert aether("slice", "traffic", "g:a", "2.0.0=1").code == 2


@pytest.mark.parametrize(
    "given",
    [
        ["1.0.0"],
        ["=5"],
        ["1.0.0=-5"],
        ["1.0.0=x"],
        ["1.0.0=1", "1.0.0=2"],
        ["1.0.0=1", "--reset"],
        ["--reset", "--at", "-5m"],
        ["--rule", "1.0.0"],
    ],
)
def test_slips_ask_nobody(api: FakeApi, aether: Aether, given: list[str]) -> None:
    assert aether("slice", "traffic", "g:a", *given).code == 2
    assert api.asked == []


@pytest.mark.parametrize(
    "text",
    ["", "1.0.0=", "1.0.0=path:x=y", "1.0.0=header:x", "1.0.0=cookie:x@", "1.0.0=cookie:x@1.2.3",
     "1.0.0=cookie:x@.", "=header:x=y", "1.0.0=header:=y", "1.0.0=cookie:x@5%%"],
)  # fmt: skip
def test_no_rules(text: str) -> None:
    with pytest.raises(click.UsageError, match="is no rule"):
        read_rule(text)
