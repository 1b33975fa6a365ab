"""`aether node …`."""

import json
from typing import Any

from tests.cli_world import Answer, FakeApi, page, problem
from tests.unit.cli.conftest import Aether

NODE = {
    "node": "node-1", "verdict": "ON_DUTY", "leader": True, "role": "voter", "instances": 1,
    "management": "127.0.0.1:5151", "router": "127.0.0.1:8071", "version": "", "drain": None,
}  # fmt: skip
ORDER = {"by": "api:anonymous", "shutdown": True, "force": False}
LEFT = {
    "instance": "g:a:1.0.0/0", "desired": "ACTIVATE", "phase": "ACTIVE",
    "replacement": "node-2/g:a:1.0.0/1", "replacement_phase": "LOADING",
}  # fmt: skip
SUMMARY = Answer(value={"changed": True, "revision": 7, "summary": "node-1 is DRAINING"})


def draining(verdict: str, *left: Any, waiting: tuple[str, ...] = ()) -> Answer:
    """A node that is being drained, as the API shows it."""
    progress = {"order": ORDER, "remaining": list(left), "waiting": list(waiting)}
    told = {"verdict": verdict, "drain": ORDER, "hosted": list(left), "progress": progress}
    return Answer(value={**NODE, **told})


def test_list(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "nodes?limit=1000", page(NODE))
    heading, row = aether("node", "list").out.splitlines()
    assert heading.split()[:5] == ["NODE", "VERDICT", "LEADER", "ROLE", "ORIGIN"]
    assert row.split()[:4] == ["node-1", "ON_DUTY", "yes", "voter"]
    assert json.loads(aether("node", "list", "-o", "json").out) == [NODE]


def test_get(api: FakeApi, aether: Aether) -> None:
    hosted = [{"instance": "g:a:1.0.0/0", "desired": "ACTIVATE", "phase": "ACTIVE"}]
    api.on("GET", "nodes/node-1", Answer(value={**NODE, "hosted": hosted, "progress": None}))
    for verb in ("get", "show"):
        out = aether("node", verb, "node-1").out
        assert "verdict:     ON_DUTY" in out
        assert "g:a:1.0.0/0  ACTIVATE  ACTIVE" in out
        assert "drain" not in out
    api.on("GET", "nodes/node-1", Answer(value={**NODE, "hosted": [], "progress": None}))
    assert "INSTANCE" not in aether("node", "get", "node-1").out


def test_show_tells_how_far_a_drain_is(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "nodes/node-1", draining("DRAINING", LEFT, waiting=("no node has room",)))
    lines = aether("node", "show", "node-1").out.splitlines()
    assert "drain ordered by api:anonymous with shutdown: 1 instance left" in lines
    assert "g:a:1.0.0/0  ACTIVE  node-2/g:a:1.0.0/1  LOADING" in lines
    assert "waiting: no node has room" in lines


def test_a_node_that_is_not_there(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "nodes/node-9", problem(404, "there is no node node-9", "not_found"))
    ran = aether("node", "get", "node-9")
    assert (ran.code, ran.out) == (3, "")
    assert "there is no node node-9" in ran.err


def test_orders(api: FakeApi, aether: Aether) -> None:
    for verb in ("drain", "shutdown", "activate"):
        api.on("POST", f"nodes/node-1/{verb}", SUMMARY)
    for arguments, body in (
        (("drain", "node-1"), b'{"shutdown": false, "force": false}'),
        (("drain", "node-1", "--shutdown", "--force"), b'{"shutdown": true, "force": true}'),
        (("shutdown", "node-1"), b'{"force": false}'),
        (("activate", "node-1"), b""),
    ):
        ran = aether("node", *arguments)
        assert (ran.code, ran.out) == (0, "node-1 is DRAINING\n")
        assert api.asked[-1].body == body
    assert json.loads(aether("node", "activate", "node-1", "-o", "json").out)["revision"] == 7


def test_a_drain_is_watched_to_its_end(api: FakeApi, aether: Aether) -> None:
    api.on("POST", "nodes/node-1/drain", SUMMARY)
    api.on(
        "GET",
        "nodes/node-1",
        draining("DRAINING", LEFT, waiting=("no node has room",)),
        problem(503, "no quorum", "no_quorum"),
        draining("DRAINING", LEFT),
        draining("DECOMMISSIONED"),
    )
    ran = aether("node", "drain", "node-1", "--wait", "--timeout", "20")
    assert ran.code == 0
    assert ran.err.splitlines() == [
        "node-1 is DRAINING, 1 instance left",
        "waiting: no node has room",
        "still waiting: no quorum",
        "node-1 is DECOMMISSIONED, 0 instances left",
        "node-1 is drained",
    ]


def test_a_drain_that_does_not_end_in_time_exits_5_and_says_why(
    api: FakeApi, aether: Aether
) -> None:
    api.on("POST", "nodes/node-1/shutdown", SUMMARY)
    api.on("GET", "nodes/node-1", draining("DRAINING", LEFT, waiting=("no node has room",)))
    ran = aether("node", "shutdown", "node-1", "--wait", "--timeout", "200ms")
    assert ran.code == 5
    assert "node-1 is not empty after 0.2 s; its drain goes on" in ran.err
    assert ran.err.count("no node has room") == 1
    assert "aether node activate node-1" in ran.err


def test_a_drain_taken_back_meanwhile_exits_4(api: FakeApi, aether: Aether) -> None:
    api.on("POST", "nodes/node-1/drain", SUMMARY)
    free = Answer(value={**NODE, "hosted": [], "progress": None})
    api.on("GET", "nodes/node-1", draining("DRAINING", LEFT), free)
    ran = aether("node", "drain", "node-1", "--wait", "--timeout", "20")
    assert (ran.code, "its drain was taken back" in ran.err) == (4, True)
    api.on("GET", "nodes/node-1", problem(404, "there is no node node-1", "not_found"))
    ran = aether("node", "drain", "node-1", "--wait", "--timeout", "20")
    assert (ran.code, "was removed meanwhile" in ran.err) == (4, True)


def test_a_node_is_removed(api: FakeApi, aether: Aether) -> None:
    done = Answer(value={"changed": True, "revision": 8, "summary": "node-1 is removed"})
    api.on("DELETE", "nodes/node-1", problem(409, "node-1 is ON_DUTY", "conflict"))
    api.on("DELETE", "nodes/node-1?force=true", done)
    refused = aether("node", "remove", "node-1")
    assert (refused.code, "node-1 is ON_DUTY" in refused.err) == (4, True)
    assert aether("node", "remove", "node-1", "--force").out == "node-1 is removed\n"


DIGEST = "d1" * 32
QUORUM = {"voters": 3, "quorum": 2, "answering": 3, "may_fail": 1}
PLAN = {
    "steps": [], "slices": [], "placements": {}, "dips": [], "waiting": [], "converged": True,
    "below_budget": ["g:a goes down to 0 of 1"], "duration_s": 1.5, "digest": "d" * 64,
    "summary": "node-1 is DRAINING", "quorum": {"before": QUORUM, "after": {**QUORUM, "may_fail": 0}},
}  # fmt: skip


def test_a_drain_and_a_removal_are_planned_and_made_as_planned(
    api: FakeApi, aether: Aether
) -> None:
    api.on("POST", "nodes/node-1/drain/plan", Answer(value=PLAN))
    for arguments, body in (
        (("drain", "node-1", "--force"), b'{"shutdown": false, "force": true}'),
        (("shutdown", "node-1"), b'{"shutdown": true, "force": false}'),
    ):
        lines = aether("node", *arguments, "--dry-run").out.splitlines()
        assert api.asked[-1].body == body
        assert "  g:a goes down to 0 of 1" in lines
        assert lines[-2:] == [
            "quorum before:  3 of 3 voters answer, 2 make a quorum, 1 more may fail",
            "quorum after:   3 of 3 voters answer, 2 make a quorum, 0 more may fail",
        ]
    for verb in ("drain", "shutdown"):
        api.on("POST", f"nodes/node-1/{verb}?plan={DIGEST}", SUMMARY)
        assert aether("node", verb, "node-1", "--plan", DIGEST).code == 0
    api.on("POST", "nodes/node-1/remove/plan?force=true", Answer(value=PLAN))
    assert aether("node", "remove", "node-1", "--force", "--dry-run").code == 0
    changed = problem(409, "the outcome would not be that of plan d1", "plan_changed")
    api.on("DELETE", f"nodes/node-1?plan={DIGEST}", changed)
    assert aether("node", "remove", "node-1", "--plan", DIGEST).code == 4


ROUTERS: dict[str, Any] = {
    "node": "node-1",
    "workers": [
        {
            "worker": 0, "status": "ok", "pid": 4711, "version": "0.5.0", "revision": 17,
            "clients": 3, "requests": 90210, "tls": {"problem": "/s.pem cannot be read"},
        },
        {"worker": 1, "status": "silent", "problem": "nobody listens"},
    ],
}  # fmt: skip


def test_routers_shows_each_process_and_what_is_wrong_with_it(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "nodes/node-1/router", Answer(value=ROUTERS))
    heading, first, second, *problems = aether("node", "routers", "node-1").out.splitlines()
    assert heading.split() == ["WORKER", "STATUS", "PID", "VERSION", "TABLE", "CLIENTS", "REQUESTS"]
    assert first.split() == ["0", "ok", "4711", "0.5.0", "17", "3", "90210"]
    assert second.split()[:2] == ["1", "silent"]
    assert problems == ["worker 0: /s.pem cannot be read", "worker 1: nobody listens"]
    assert json.loads(aether("node", "routers", "node-1", "-o", "json").out) == ROUTERS


def test_router_restart_asks_for_it_once_and_shows_what_came_of_it(
    api: FakeApi, aether: Aether
) -> None:
    healthy = {**ROUTERS, "workers": [{**ROUTERS["workers"][0], "pid": 4712, "tls": {}}]}
    api.on("POST", "nodes/node-1/router/restart", Answer(value=healthy))
    ran = aether("node", "router-restart", "node-1")
    assert ran.code == 0
    assert [line.split()[2] for line in ran.out.splitlines()] == ["PID", "4712"]
    assert [(each.method, each.body) for each in api.asked] == [("POST", b"")]


def test_a_restart_that_did_not_come_to_its_end_fails(api: FakeApi, aether: Aether) -> None:
    late = problem(503, "the routers of node-1 were not all replaced within 28 s", "unavailable")
    api.on("POST", "nodes/node-1/router/restart", late)
    ran = aether("node", "router-restart", "node-1")
    assert (ran.code, ran.out) == (5, "")
    assert "were not all replaced within 28 s" in ran.err
    assert len(api.asked) == 1


def test_routers_of_no_sound_node_are_not_asked_for(api: FakeApi, aether: Aether) -> None:
    for verb in ("routers", "router-restart"):
        ran = aether("node", verb, "No_Node")
        assert ran.code == 2
        assert "'No_Node' is not a node id" in ran.err
    assert api.asked == []
