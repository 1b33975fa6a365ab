"""`aether kv …`."""

import io
import json

import pytest

from aether.cli.failures import CliError
from aether.cli.kv import value_bytes
from tests.cli_world import Answer, Asked, FakeApi, page, problem
from tests.unit.cli.conftest import Aether


def entry(key: str, value: str = "v", encoding: str = "utf-8") -> dict[str, object]:
    return {"key": key, "value": value, "encoding": encoding, "mod_revision": 7}


def test_range(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "kv?prefix=a%2F&limit=101", page(entry("a/1", "x\ny"), entry("a/2")))
    ran = aether("kv", "range", "a/")
    assert ran.out.splitlines() == [
        "KEY  REVISION  VALUE",
        "a/1  7         x\\ny",
        "a/2  7         v",
    ]
    assert ran.err == ""
    api.on("GET", "kv?consistency=stale&limit=1000", page(entry("b")))
    shown = aether("kv", "range", "--limit", "0", "--consistency", "stale", "-o", "json")
    assert json.loads(shown.out) == [entry("b")]


def test_range_says_when_there_is_more(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "kv?limit=2", page(entry("a"), entry("b")))
    ran = aether("kv", "range", "--limit", "1")
    assert "b" not in ran.out.split()
    assert "more than 1 keys" in ran.err


def test_get_prints_the_bytes(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "kv/a%20b", Answer(value=entry("a b", "one\ntwo\n")))
    assert aether("kv", "get", "a b").out == "one\ntwo\n"
    api.on("GET", "kv/a?consistency=stale", Answer(value=entry("a", "dwo=", "base64")))
    assert aether("kv", "get", "a", "--consistency", "stale").out == "w\n"
    api.on("GET", "kv/none", problem(404, "there is no key none", "not_found"))
    assert aether("kv", "get", "none").code == 3


def test_values() -> None:
    assert value_bytes(entry("a", "AP8=", "base64")) == b"\x00\xff"
    for odd in ({}, entry("a", "!", "base64")):
        with pytest.raises(CliError, match="holds no value"):
            value_bytes(odd)


def test_put(api: FakeApi, aether: Aether, monkeypatch: pytest.MonkeyPatch) -> None:
    api.on("PUT", "kv/a", Answer(value={"key": "a", "revision": 8}))
    assert aether("kv", "put", "a", "ä").out == "a written at revision 8\n"
    assert api.asked[-1] == Asked("PUT", "/api/v1/kv/a", "ä".encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\x00\xff")))
    assert aether("kv", "put", "a", "-").code == 0
    assert api.asked[-1].body == b"\x00\xff"


def test_guards(api: FakeApi, aether: Aether) -> None:
    api.on("PUT", "kv/a?mod_revision=0", problem(409, "a was last changed at 3", "conflict"))
    ran = aether("kv", "put", "a", "v", "--if-revision", "0")
    assert (ran.code, ran.out) == (4, "")
    api.on("DELETE", "kv/a?mod_revision=3", Answer(value={"revision": 9, "deleted": 1}))
    assert aether("kv", "delete", "a", "--if-revision", "3").out == "a deleted at revision 9\n"


def test_aethers_own_keys(api: FakeApi, aether: Aether) -> None:
    api.on(
        "DELETE", "kv/control/epoch", problem(403, "control/epoch belongs to Aether", "forbidden")
    )
    ran = aether("kv", "delete", "control/epoch")
    assert (ran.code, "control/epoch" in ran.err) == (4, True)


def test_an_unknown_outcome_is_not_a_failure(api: FakeApi, aether: Aether) -> None:
    api.on("PUT", "kv/a", problem(504, "time ran out", "outcome_unknown"))
    ran = aether("kv", "put", "a", "v")
    assert (ran.code, "look before you repeat it" in ran.err) == (5, True)
