"""How the shortener keeps its links, on a store that behaves and on some that do not."""

from collections.abc import Iterator
from typing import Any

import pytest

from aether.host.kv import TIMEOUT_S as KV_TIMEOUT_S
from aether.sdk import KvConflict, KvOutcomeUnknown, KvUnavailable
from aether.sdk.memory import MemoryKv
from tests.example_slices import import_example

table = import_example("links.table")
URL = "https://example.org/"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PAUSE_S", 0.0)


def letters(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Have the dice fall as `text`, again and again."""

    def throw() -> Iterator[str]:
        while True:
            yield from text

    thrown = throw()
    monkeypatch.setattr(table.secrets, "choice", lambda _alphabet: next(thrown))


class FailingKv(MemoryKv):
    """Raises what it is given, one a call, then behaves; `lands` says whether a put took effect."""

    def __init__(self, *failures: Exception, lands: bool = False) -> None:
        super().__init__()
        self.failures = list(failures)
        self.lands = lands

    async def get(self, key: str) -> Any:
        self._fail(KvUnavailable)
        return await super().get(key)

    async def put(self, key: str, value: bytes, *, version: int | None = None) -> int:
        if self.failures and self.lands:
            await super().put(key, value, version=version)
        self._fail(Exception)
        return await super().put(key, value, version=version)

    def _fail(self, kind: type[Exception]) -> None:
        if self.failures and isinstance(self.failures[0], kind):
            raise self.failures.pop(0)


async def test_what_is_added_is_found() -> None:
    links = table.LinkTable(MemoryKv(), 7)
    codes = {await links.add(f"{URL}{number}") for number in range(50)}
    assert len(codes) == 50
    assert all(len(code) == 7 and set(code) <= set(table.ALPHABET) for code in codes)
    code = await links.add("https://example.org/grüße")
    assert await links.find(code) == "https://example.org/grüße"
    assert await links.find("0000000") is None


@pytest.mark.parametrize("length", [4, 32])
async def test_codes_are_as_long_as_configured(length: int) -> None:
    links = table.LinkTable(MemoryKv(), length)
    code = await links.add(URL)
    assert len(code) == length
    assert await links.find(code) == URL


@pytest.mark.parametrize("length", [3, 33, 0, -1, "7", 7.0, True, None])
def test_a_length_that_makes_no_sense_is_refused_by_name(length: object) -> None:
    with pytest.raises(ValueError, match=r"code_length = .*4 to 32"):
        table.LinkTable(MemoryKv(), length)


async def test_a_code_that_is_taken_goes_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    letters(monkeypatch, "aaaaaaaabbbb")
    kv = MemoryKv()
    one, other = table.LinkTable(kv, 4), table.LinkTable(kv, 4)
    assert await one.add("https://one.example/") == "aaaa"
    assert await other.add("https://one.example/") == "bbbb"
    assert await one.find("aaaa") == "https://one.example/"


async def test_when_all_codes_tried_are_taken_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    letters(monkeypatch, "a")
    links = table.LinkTable(MemoryKv(), 4)
    await links.add(URL)
    with pytest.raises(table.NoCodeFree, match="raise code_length"):
        await links.add(URL)


@pytest.mark.parametrize("code", ["", "abc", "a/b", "../..", "favicon.ico", "ümläut7", "a" * 33])
async def test_what_cannot_be_a_code_is_not_asked_for(code: str) -> None:
    kv = FailingKv(KvUnavailable("must not be asked"))
    assert await table.LinkTable(kv, 7).find(code) is None
    assert kv.failures


async def test_a_store_that_is_away_for_a_moment_is_waited_for() -> None:
    away = [KvUnavailable("no leader"), KvUnavailable("no leader")]
    links = table.LinkTable(FailingKv(*away), 7)
    code = await links.add(URL)
    assert await links.find(code) == URL
    links = table.LinkTable(FailingKv(*away), 7)
    assert await links.find(code) is None


@pytest.mark.parametrize("failure", [KvUnavailable("no leader"), KvOutcomeUnknown("late")])
async def test_a_store_that_stays_away_is_given_up(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr(table, "PATIENCE_S", 0.0)
    with pytest.raises(type(failure)):
        await table.LinkTable(FailingKv(failure), 7).add(URL)


@pytest.mark.parametrize("lands", [True, False])
async def test_a_write_of_unknown_outcome_becomes_one_link(
    monkeypatch: pytest.MonkeyPatch,
    lands: bool,  # as the cases name it
) -> None:
    letters(monkeypatch, "aaaabbbb")
    kv = FailingKv(KvOutcomeUnknown("late"), lands=lands)
    links = table.LinkTable(kv, 4)
    assert await links.add(URL) == "aaaa"
    assert [entry.key for entry in await kv.range()] == ["link/aaaa"]
    assert await links.find("aaaa") == URL


async def test_a_write_of_unknown_outcome_that_another_won_takes_a_new_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    letters(monkeypatch, "aaaabbbb")
    kv = FailingKv()
    await kv.put("link/aaaa", b"https://other.example/")
    kv.failures = [KvOutcomeUnknown("late")]
    links = table.LinkTable(kv, 4)
    assert await links.add(URL) == "bbbb"
    assert await links.find("aaaa") == "https://other.example/"


async def test_a_conflict_is_not_waited_on() -> None:
    class TakenKv(MemoryKv):
        puts = 0

        async def put(self, key: str, value: bytes, *, version: int | None = None) -> int:
            assert version == 0
            self.puts += 1
            raise KvConflict("taken")

    kv = TakenKv()
    with pytest.raises(table.NoCodeFree):
        await table.LinkTable(kv, 7).add(URL)
    assert kv.puts == table.ATTEMPTS


def test_it_waits_for_as_long_as_a_busy_machine_takes_to_start_a_node_again() -> None:
    links = import_example("links.slice")
    assert table.PATIENCE_S >= 15.0, "measured: up to 12 s"
    assert table.PATIENCE_S + KV_TIMEOUT_S < links.TIMEOUT_S, "its route must not give up first"
