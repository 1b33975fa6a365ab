"""The exit codes scripts depend on."""

import signal

import pytest

from aether.cli.exits import ExitCode, exit_code_of_status


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ((200, 201, 204), 0),
        ((400, 413, 415, 422), 2),
        ((404,), 3),
        ((403, 409), 4),
        ((502, 503, 504), 5),
        ((100, 301, 405, 418, 500, 501, 599), 1),
    ],
)
def test_every_status_has_its_code(statuses: tuple[int, ...], code: int) -> None:
    assert {exit_code_of_status(status) for status in statuses} == {ExitCode(code)}


def test_the_code_of_an_interruption_is_the_shells() -> None:
    assert ExitCode(128 + signal.SIGINT) is ExitCode.INTERRUPTED
