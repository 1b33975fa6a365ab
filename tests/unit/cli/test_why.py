import json
from collections.abc import Iterator

import pytest

from aether.cli.root import run
from aether.cli.why import diff_lines, why_lines
from tests.cli_world import Answer as Given
from tests.cli_world import FakeApi, page, problem

BASE = "org.example:shop"
DECISION = {
    "revision": 12,
    "time": "2026-11-21T12:00:00.000Z",
    "actor": "leader:node-1",
    "rule": "place",
    "text": "org.example:shop:1.0.0/0 is placed on node-2",
    "inputs": {"have": "0", "want": "1"},
    "rejected": {"node-3": "it is nearly full"},
    "keys": [{"key": "wanted/node-2/org.example:shop:1.0.0/0", "deleted": False}],
}
ANSWER = {
    "subject": f"slice/{BASE}",
    "at": None,
    "now": {
        "exists": True,
        "sentences": ["org.example:shop 1.0.0: 0 of 1 wanted instances serve"],
        "waiting": ["org.example:shop waits for org.example:stock"],
        "leader": "node-1",
    },
    "decisions": [DECISION],
    "gaps": [
        {"after": 5, "until": 9, "from": "2026-11-21T10:00:00.000Z",
         "to": "2026-11-21T11:00:00.000Z", "why": "history is gone"}
    ],
    "chronicle": {"node": "node-1", "first": 1, "since": "2026-11-20T00:00:00.000Z"},
    "next": None,
}  # fmt: skip


@pytest.fixture
def api() -> Iterator[FakeApi]:
    made = FakeApi()
    made.on("GET", "slices?limit=1000", page({"base": BASE}, {"base": "org.other:cart"}))
    made.on("GET", "nodes?limit=1000", page({"node": "node-1"}))
    made.on("GET", "blueprints?limit=1000", page({"id": "org.example:app:1.0.0"}))
    yield made
    made.close()


def aether(api: FakeApi, *arguments: str) -> int:
    return run(["--endpoint", api.url, *arguments])


@pytest.mark.parametrize("name", [BASE, f"{BASE}:1.0.0", f"{BASE}:1.0.0/3", "shop"])
def test_a_slice_is_asked_for_by_any_of_its_names(
    api: FakeApi, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("GET", f"slices/{BASE}/why?limit=20", Given(value=ANSWER))
    assert aether(api, "why", name) == 0
    told = capsys.readouterr().out
    assert "0 of 1 wanted instances serve" in told
    assert "waits for org.example:stock" in told
    assert "place  org.example:shop:1.0.0/0 is placed on node-2" in told
    assert "gap: what happened after revision 5" in told
    assert "reaches back to revision 1 (2026-11-20" in told
    assert max(map(len, told.splitlines()[:-4])) <= 140


def test_a_long_sentence_goes_on_below() -> None:
    lines = why_lines(ANSWER, details=False, columns=98)
    at = next(number for number, line in enumerate(lines) if line.startswith("TIME"))
    place = lines[at].index("WHAT")
    assert all(len(line) <= 98 for line in lines[at : at + 3])
    assert lines[at + 1][place:] == "org.example:shop:1.0.0/0 is placed on"
    assert lines[at + 2] == " " * place + "node-2"


def test_the_details_tell_inputs_and_what_was_rejected(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("GET", f"slices/{BASE}/why?at=-15m&limit=5", Given(value={**ANSWER, "at": 11}))
    assert aether(api, "why", BASE, "--at", "-15m", "--limit", "5", "--details") == 0
    told = capsys.readouterr().out
    assert told.startswith("at revision 11:\n")
    assert "    not node-3: it is nearly full\n" in told
    assert "    have:  0\n" in told


def test_a_node_and_a_blueprint_are_found(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", "nodes/node-1/why?limit=20", Given(value=ANSWER))
    assert aether(api, "why", "node-1", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == ANSWER
    api.on("GET", "slices/org.example:app/why?limit=20", problem(404, "none", "not_found"))
    api.on("GET", "blueprints/org.example:app/why?limit=20", Given(value=ANSWER))
    assert aether(api, "why", "org.example:app") == 0


def test_a_name_of_several_slices_is_refused(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("GET", "slices?limit=1000", page({"base": "a:shop"}, {"base": "b:shop"}))
    assert aether(api, "why", "shop") == 2
    assert "a:shop, b:shop" in capsys.readouterr().err


def test_an_unknown_name_is_answered_with_a_guess(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("GET", "nodes/node-2/why?limit=20", problem(404, "tells of none", "not_found"))
    assert aether(api, "why", "node-2") == 3
    assert "did you mean" in capsys.readouterr().err


def test_a_difference_shows_what_went_and_what_came(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    items: tuple[dict[str, object], ...] = (
        {"key": "target/a:b", "before": {"instances": 1, "version": "1.0.0"},
         "after": {"instances": 3, "version": "1.0.0"}, "reasons": [DECISION]},
        {"key": "node/n-1", "before": {"a": 1}, "after": None, "reasons": []},
    )  # fmt: skip
    api.on("GET", "diff?from=-2h30m&to=-5m&subject=a%3Ab&limit=100", page(*items))
    assert aether(api, "diff", "-2h30m", "-5m", "--subject", "a:b") == 0
    assert capsys.readouterr().out.splitlines() == [
        "target/a:b",
        "  - instances: 1",
        "  + instances: 3",
        "    2026-11-21T12:00:00.000Z  12  leader:node-1  place: "
        "org.example:shop:1.0.0/0 is placed on node-2",
        "node/n-1",
        '  - {"a": 1}',
    ]
    api.on("GET", "diff?from=7&limit=100", page())
    assert aether(api, "diff", "7") == 0
    assert "nothing" in capsys.readouterr().out
    assert aether(api, "diff", "7", "--subject", "") == 2


def test_a_difference_shows_where_inside_a_value_it_is() -> None:
    def record(version: str) -> dict[str, object]:
        source = f'id = "a:b:1.0.0"\n[[slices]]\nartifact = "a:c:{version}"\n'
        many = [{"artifact": f"a:s{number}:1.0.0", "instances": 2} for number in range(20)]
        slices = [*many, {"artifact": f"a:c:{version}", "instances": 2}]
        return {"slices": slices, "source": source}

    one = {"key": "blueprint/a:b", "before": record("1.0.0"), "after": record("2.0.0")}
    assert diff_lines([{**one, "reasons": []}]) == [
        "blueprint/a:b",
        "  - slices[20].artifact: a:c:1.0.0",
        "  + slices[20].artifact: a:c:2.0.0",
        '  - source:3: artifact = "a:c:1.0.0"',
        '  + source:3: artifact = "a:c:2.0.0"',
    ]


def test_details_are_whole_when_they_are_piped(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    candidates = [f"node-{number}" for number in range(100)]
    told = {**ANSWER, "decisions": [{**DECISION, "inputs": {"candidates": candidates}}]}
    api.on("GET", f"slices/{BASE}/why?limit=20", Given(value=told))
    assert aether(api, "why", BASE, "--details") == 0
    assert json.dumps(candidates) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("node", "list"), "nodes?at=-1h&limit=1000"),
        (("slice", "list"), "slices?at=-1h&limit=1000"),
        (("route", "list"), "routes?at=-1h&limit=1000"),
        (("blueprint", "list"), "blueprints?at=-1h&limit=1000"),
        (("kv", "range", "node/"), "kv?prefix=node%2F&at=-1h&limit=101"),
    ],
)
def test_lists_are_asked_for_as_they_were(api: FakeApi, words: tuple[str, ...], path: str) -> None:
    api.on("GET", path, page())
    assert aether(api, *words, "--at", "-1h") == 0
    assert api.asked[-1].path == f"/api/v1/{path}"


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("status",), "status?at=12"),
        (("node", "get", "node-1"), "nodes/node-1?at=12"),
        (("slice", "get", BASE), f"slices/{BASE}?at=12"),
        (("blueprint", "status", "a:b"), "blueprints/a:b/status?at=12"),
        (("blueprint", "get", "a:b"), "blueprints/a:b?at=12"),
        (("blueprint", "show", "a:b"), "blueprints/a:b?at=12"),
        (("kv", "get", "target/a:b"), "kv/target/a:b?at=12"),
    ],
)
def test_one_thing_is_asked_for_as_it_was(api: FakeApi, words: tuple[str, ...], path: str) -> None:
    api.on("GET", path, problem(404, "revision 12 is not recorded", "not_recorded"))
    assert aether(api, *words, "--at", "12") == 3
    assert api.asked[-1].path == f"/api/v1/{path}"
