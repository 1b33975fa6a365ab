"""Names given to `aether why`."""

from collections.abc import Iterator

import pytest

from aether.cli.client import Client
from aether.cli.failures import InvalidInput, Missing
from aether.cli.why_subject import ask_why
from tests.cli_world import Answer, FakeApi, page, problem

SHOP, APP, CART = "org.example:shop", "org.example:app", "org.other:cart"
TOLD: dict[str, dict[str, str]] = {"now": {}}


@pytest.fixture
def api() -> Iterator[FakeApi]:
    made = FakeApi()
    made.on("GET", "slices?limit=1000", page({"base": SHOP}, {"base": CART}))
    made.on("GET", "nodes?limit=1000", page({"node": "node-1"}))
    blueprints = ({"id": f"{APP}:1.0.0"}, {"id": f"{SHOP}:2.0.0"})
    made.on("GET", "blueprints?limit=1000", page(*blueprints))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("app", f"blueprints/{APP}"),
        ("shop", f"slices/{SHOP}"),
        ("cart", f"slices/{CART}"),
        ("node-1", "nodes/node-1"),
        ("node-7", "nodes/node-7"),
        ("node/node-7", "nodes/node-7"),
        (f"slice/{SHOP}", f"slices/{SHOP}"),
        (f"blueprint/{SHOP}", f"blueprints/{SHOP}"),
        (f"{SHOP}:1.0.0", f"slices/{SHOP}"),
        (f"{SHOP}:1.0.0/3", f"slices/{SHOP}"),
    ],
)
def test_each_name_is_asked_for_where_it_belongs(api: FakeApi, name: str, path: str) -> None:
    api.on("GET", f"{path}/why?limit=5", Answer(value=TOLD))
    assert ask_why(Client([api.url]), name, {"limit": 5}) == TOLD


def test_a_blueprint_in_full_is_found_behind_a_slice_of_that_name(api: FakeApi) -> None:
    api.on("GET", f"slices/{APP}/why", problem(404, "none", "not_found"))
    api.on("GET", f"blueprints/{APP}/why", Answer(value=TOLD))
    assert ask_why(Client([api.url]), APP, {}) == TOLD


@pytest.mark.parametrize(
    "name",
    ["", " ", "node/", "node/No", "slice/shop", "what/x", "shop/1", f"{SHOP}/3", "a:b:c:d", "a:"],
)
def test_what_is_no_name_asks_nobody(api: FakeApi, name: str) -> None:
    with pytest.raises(InvalidInput, match="settles which"):
        ask_why(Client([api.url]), name, {})
    assert api.asked == []


def test_what_nobody_has_is_answered_with_a_guess_that_knows_blueprints(api: FakeApi) -> None:
    api.on("GET", "nodes/apq/why", problem(404, "tells of none", "not_found"))
    with pytest.raises(Missing, match="did you mean 'app'") as missing:
        ask_why(Client([api.url]), "apq", {})
    assert "aether blueprint list" in missing.value.remedy
