"""One fake API a test, and the command run against it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from aether.cli import waiting
from aether.cli.root import run
from tests.cli_world import FakeApi


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Aether = Callable[..., Ran]


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()
    yield fake
    fake.close()


@pytest.fixture
def aether(
    api: FakeApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Aether:
    """Run `aether …` in this process against the fake API; waits look often."""
    monkeypatch.setenv("AETHER_ENDPOINT", api.url)
    monkeypatch.setattr(waiting, "PERIOD_S", 0.01)
    monkeypatch.setattr(waiting, "FAILURE_SETTLES_S", 0.05)

    def run_one(*arguments: str) -> Ran:
        code = run(arguments)
        out, err = capsys.readouterr()
        return Ran(int(code), out, err)

    return run_one
