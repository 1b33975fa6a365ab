"""Watching a drain, with a clock of the test's own."""

from typing import Any

import pytest

from aether.cli.failures import CliError, Unreachable
from aether.cli.node_drain import DrainWait, Sight, read_sight, wait_until_drained
from aether.cli.output import Output
from aether.cli.waiting import PERIOD_S


def test_an_answer_that_is_no_node_is_an_error() -> None:
    for odd in ({}, {"verdict": "ON_DUTY", "progress": None}, {"progress": 7}):
        with pytest.raises(CliError, match="not a node"):
            read_sight(odd)
    plain: dict[str, Any] = {"verdict": "ON_DUTY", "progress": None, "hosted": [], "drain": None}
    assert read_sight(plain) == Sight(verdict="ON_DUTY", hosted=0, is_ordered=False)


def test_nobody_is_asked_for_longer_than_the_wait_and_pauses_end_with_it() -> None:
    time, asked = [0.0], []

    def ask(timeout_s: float) -> Any:
        asked.append(timeout_s)
        raise Unreachable("nobody there")

    def pause(seconds: float) -> None:
        assert 0 <= seconds <= PERIOD_S
        time[0] += seconds

    wait = DrainWait(node="n1", ask=ask, timeout_s=1.0, now=lambda: time[0], pause=pause)
    with pytest.raises(Unreachable, match="n1 is not empty after 1 s"):
        wait_until_drained(wait, Output(quiet=True))
    assert max(asked) <= 1.0
    assert time[0] == pytest.approx(1.0)


def test_who_looks_away_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def ask(timeout_s: float) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait_until_drained(DrainWait(node="n1", ask=ask), Output())
    assert "its drain goes on: aether node show n1" in capsys.readouterr().err


def test_on_a_time_out_what_was_told_is_not_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    time = [0.0]
    waits = {"waiting": ["n1 drains: no node has room"]}
    answer = {"verdict": "DRAINING", "progress": waits, "hosted": [1], "drain": {"by": "x"}}

    def pause(seconds: float) -> None:
        time[0] += seconds

    for quiet, problems in ((False, ()), (True, ("n1 drains: no node has room",))):
        time[0] = 0.0
        wait = DrainWait(
            node="n1", ask=lambda _: answer, timeout_s=1.0, now=lambda: time[0], pause=pause
        )
        with pytest.raises(Unreachable) as late:
            wait_until_drained(wait, Output(quiet=quiet))
        assert late.value.problems == problems
    told = capsys.readouterr().err.splitlines()
    assert told == ["n1 is DRAINING, 1 instance left", "waiting: n1 drains: no node has room"]
