"""`aether route …`."""

import json

from tests.cli_world import FakeApi, page, problem
from tests.unit.cli.conftest import Aether


def test_list(api: FakeApi, aether: Aether) -> None:
    route = {
        "method": "POST", "pattern": "/api/v1/urls", "slice": "g:links", "active": 3,
        "timeout_s": 30.0, "body_limit": 16777216,
    }  # fmt: skip
    api.on("GET", "routes?limit=1000", page(route))
    assert "POST    /api/v1/urls  g:links  3" in aether("route", "list").out
    assert json.loads(aether("route", "list", "-o", "json").out) == [route]
    api.on("GET", "routes?limit=1000", problem(503, "no quorum", "no_quorum"))
    assert aether("route", "list").code == 5
