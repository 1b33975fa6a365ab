"""How every ending becomes an exit code."""

import pytest

from aether.cli import root as root_module
from aether.cli.root import run
from aether.errors import NoQuorum
from tests.cli_world import FakeApi, problem
from tests.unit.cli.conftest import Aether


@pytest.mark.parametrize(
    ("status", "code"), [(400, 2), (422, 2), (404, 3), (403, 4), (409, 4), (503, 5), (500, 1)]
)
def test_errors_of_the_api(api: FakeApi, aether: Aether, status: int, code: int) -> None:
    api.on("GET", "status", problem(status, "so it is", advice="do that"))
    assert aether("status") == (ran := aether("status"))
    assert (ran.code, ran.out, ran.err) == (code, "", "error: so it is\nhint: do that\n")


def test_usage(aether: Aether) -> None:
    unknown = aether("blueprnt", "list")
    assert (unknown.code, unknown.out) == (2, "")
    assert "did you mean 'blueprint'" in unknown.err
    assert aether("node", "get").code == 2
    assert aether("node", "get", "NODE").code == 2
    assert aether("kv", "range", "--limit", "x").code == 2
    assert aether("status", "-o", "yaml").code == 2
    assert aether().code == 2


def test_help_and_version(aether: Aether) -> None:
    shown = aether("--help")
    assert (shown.code, shown.err) == (0, "")
    assert all(name in shown.out for name in root_module.TABLE)
    assert "Exit codes: 0 ok" in shown.out
    assert aether("--version").out.startswith("aether")
    assert "Usage: aether kv put" in aether("kv", "put", "-h").out


@pytest.mark.parametrize(
    ("ending", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (NoQuorum("nobody leads"), 5, "error: nobody leads"),
    ],
)
def test_other_endings(
    ending: BaseException,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def end(**_: object) -> None:
        raise ending

    monkeypatch.setattr(root_module.root, "main", end)
    assert run([]) == code
    assert words in capsys.readouterr().err
