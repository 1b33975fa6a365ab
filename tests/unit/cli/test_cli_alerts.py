"""`aether alert …`, `threshold …`, `webhook …`, `log level …`, `event …`: what they ask, and what they print."""

import json
from pathlib import Path

import pytest

from tests.cli_world import Answer, FakeApi
from tests.unit.cli.conftest import Aether

DONE = Answer(value={"changed": True, "revision": 4, "summary": "it is done"})
EVENT = {
    "id": "7.0", "revision": 7, "time": "2026-11-22T05:00:00.000Z", "type": "NODE_LOST",
    "severity": "critical", "subject": "node/n-1", "text": "n-1 is lost\x1b[2J", "actor": "a",
    "rule": "judge", "why": "silent",
}  # fmt: skip
ALERT = {
    "id": 7, "metric": "node.cpu", "subject": "n-1", "severity": "warning", "text": "busy",
    "since": "then", "silenced_by": ["s1"], "runbook": "runbooks/node-cpu.md",
}  # fmt: skip


def body(api: FakeApi) -> dict[str, object]:
    found = json.loads(api.asked[-1].body)
    assert isinstance(found, dict)
    return found


def test_alerts_with_their_pages(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "alerts", Answer(value={"items": [ALERT]}), Answer(value={"items": []}))
    out = aether("alert", "list").out
    assert "runbooks/node-cpu.md" in out
    assert "s1" in out
    assert "no alert is active" in aether("alert", "list").err


def test_history_is_asked_as_events(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "alerts/history?subject=n-1&limit=5", Answer(value={"items": [EVENT]}))
    out = aether("alert", "history", "--subject", "n-1", "--limit", "5").out
    assert "NODE_LOST" in out
    assert "\x1b" not in out


def test_silences_begin_and_end(api: FakeApi, aether: Aether) -> None:
    api.on("POST", "alerts/silences", Answer(201, {**DONE.value, "id": "s1", "until": "later"}))
    ran = aether("alert", "silence", "node.cpu", "n-1", "--for", "2h", "--author", "me")
    assert body(api) == {
        "metric": "node.cpu", "subject": "n-1", "duration_s": 7200.0, "author": "me", "comment": "",
    }  # fmt: skip
    assert "until later" in ran.out
    api.on("DELETE", "alerts/silences/s1", DONE)
    assert aether("alert", "unsilence", "s1").code == 0
    api.on("GET", "alerts/silences", Answer(value={"items": [{"id": "s1", "author": "me"}]}))
    assert "s1" in aether("alert", "silences").out


def test_thresholds_of_all_of_one_and_of_the_cluster(api: FakeApi, aether: Aether) -> None:
    api.on("PUT", "thresholds/node.cpu/%2A", DONE)
    assert aether("threshold", "set", "node.cpu", "--warning", "0.5", "--for", "30s").code == 0
    assert body(api) == {"warning": 0.5, "for_s": 30.0, "enabled": True}
    api.on("PUT", "thresholds/cluster.nodes/-", DONE)
    assert aether("threshold", "set", "cluster.nodes", "-", "--off").code == 0
    assert body(api) == {"enabled": False}
    api.on("DELETE", "thresholds/node.cpu/n-1", DONE)
    assert aether("threshold", "unset", "node.cpu", "n-1").out == "it is done\n"
    assert aether("threshold", "set", "node.cpu").code == 2
    api.on("GET", "thresholds", Answer(value={"items": [{"metric": "node.cpu", "for_s": 60}]}))
    assert "node.cpu" in aether("threshold", "list").out


def test_webhooks_are_set_from_a_file_and_tried(
    api: FakeApi, aether: Aether, tmp_path: Path
) -> None:
    secret = tmp_path / "key"
    secret.write_text("k3y\n")
    api.on("PUT", "webhooks/w", DONE)
    assert aether("webhook", "set", "w", "http://x/", "--secret-file", str(secret)).code == 0
    assert body(api) == {
        "url": "http://x/", "types": ["ALERT_*"], "severity": "info", "timeout_s": 5.0,
        "secret": "k3y",
    }  # fmt: skip
    api.on("PUT", "webhooks/w", DONE)
    aether("webhook", "set", "w", "http://x/", "--type", "NODE_LOST")
    assert "secret" not in body(api)
    answers = [Answer(value={"status": s, "delivered": s == 200}) for s in (200, 500)]
    api.on("POST", "webhooks/w/test", *answers)
    assert aether("webhook", "test", "w").code == 0
    assert aether("webhook", "test", "w").code == 1
    api.on("DELETE", "webhooks/w", DONE)
    assert aether("webhook", "remove", "w").code == 0
    row = {"name": "w", "url": "http://x/…", "state": {"breaker": "open", "failures": 7}}
    api.on("GET", "webhooks", Answer(value={"items": [row]}))
    assert "open" in aether("webhook", "list").out


def test_log_levels(api: FakeApi, aether: Aether) -> None:
    api.on("PUT", "log-levels/aether.rpc", DONE)
    given = ("aether.rpc", "debug", "--node", "n-1", "--for", "10m")
    assert aether("log", "level", "set", *given).code == 0
    assert body(api) == {"level": "debug", "nodes": ["n-1"], "for_s": 600.0}
    api.on("DELETE", "log-levels/aether.rpc", DONE)
    assert aether("log", "level", "unset", "aether.rpc").code == 0
    api.on("GET", "log-levels", Answer(value={"items": [{"logger": "a", "level": "debug"}]}))
    assert "debug" in aether("log", "level", "list").out


def test_events_are_listed(api: FakeApi, aether: Aether) -> None:
    path = "events?after=6.0&type=NODE_%2A&severity=warning&subject=n-1&limit=100"
    api.on("GET", path, Answer(value={"items": [EVENT], "next": "7"}))
    given = ("--after", "6.0", "--type", "NODE_*", "--severity", "warning", "--subject", "n-1")
    ran = aether("event", "list", *given)
    assert "NODE_LOST" in ran.out
    assert "\x1b" not in ran.out


def test_a_stream_that_breaks_is_gone_on_with_where_it_was(
    api: FakeApi, aether: Aether, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aether.cli.events._AGAIN_S", 0.01)

    def stream(*ids: str) -> Answer:
        frames = [f"id: {one}\ndata: {json.dumps({**EVENT, 'id': one})}\n\n" for one in ids]
        text = "retry: 1000\n: from 1\n\n" + "".join(frames)
        return Answer(text=text.encode(), content_type="text/event-stream")

    api.on("GET", "events?limit=1", stream("7.0", "8.0"))
    api.on("GET", "events", stream("9.1"))
    ran = aether("-o", "json", "event", "follow", "--count", "3")
    assert [json.loads(line)["id"] for line in ran.out.splitlines()] == ["7.0", "8.0", "9.1"]
    assert api.asked[0].headers["accept"] == "text/event-stream"
    assert api.asked[1].headers["last-event-id"] == "8.0"


def test_a_stream_that_cannot_begin_is_an_error(api: FakeApi, aether: Aether) -> None:
    assert api.url
    assert aether("event", "follow", "--count", "1").code == 3
