"""Waiting for a change, with a clock of the test's own."""

from collections.abc import Callable, Iterator

import pytest

from aether.cli.failures import Missing, Unreachable
from aether.cli.output import Output
from aether.cli.progress import Progress
from aether.cli.waiting import DidNotWork, Sight, Wait, look_at, wait_until_done

Look = Callable[[], Sight]


class World:
    """Looks happen as scripted, the last one for ever; time passes in pauses only."""

    def __init__(self, *states: str | Exception) -> None:
        self.time = 0.0
        self._states: Iterator[str | Exception] = iter(states)
        self._last: str | Exception = ""

    def look(self, timeout_s: float) -> Sight:
        assert timeout_s > 0
        self._last = next(self._states, self._last)
        if isinstance(self._last, BaseException):
            raise self._last
        return Sight({"state": self._last}, Progress(state=self._last))

    def pause(self, seconds: float) -> None:
        self.time += seconds

    def wait(self, timeout_s: float = 10.0) -> object:
        return wait_until_done(
            Wait(
                look=self.look,
                is_done=lambda seen: seen is not None and seen.state == "DEPLOYED",
                what="it",
                watch_on="aether look",
                timeout_s=timeout_s,
                now=lambda: self.time,
                pause=self.pause,
            ),
            Output(),
        )


def test_it_ends_when_done_and_tells_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    world = World("DEPLOYING", "DEPLOYING", "DEPLOYED")
    assert world.wait() == {"state": "DEPLOYED"}
    assert capsys.readouterr() == ("", "DEPLOYING\nDEPLOYED\n")


def test_a_failure_that_lasts_is_believed() -> None:
    world = World("DEPLOYING", "FAILED")
    with pytest.raises(DidNotWork, match="it FAILED") as raised:
        world.wait()
    assert raised.value.exit_code == 1
    assert raised.value.answer == {"state": "FAILED"}
    assert 3 <= world.time < 4


def test_a_failure_of_the_state_before_is_not() -> None:
    assert World("FAILED", "FAILED", "DEPLOYING", "FAILED", "DEPLOYED").wait()


def test_time_runs_out() -> None:
    world = World("DEPLOYING")
    with pytest.raises(Unreachable, match=r"not done after 10 s \(last seen DEPLOYING\)") as raised:
        world.wait()
    assert "aether look" in raised.value.remedy
    assert world.time == pytest.approx(10)


def test_a_silent_node_is_no_reason_to_give_up(capsys: pytest.CaptureFixture[str]) -> None:
    silence = Unreachable("nobody answers")
    assert World(silence, silence, "DEPLOYED").wait()
    assert capsys.readouterr().err.count("still waiting: nobody answers") == 1
    with pytest.raises(Unreachable, match="nothing seen of it yet") as raised:
        World(silence).wait()
    assert "nobody answers" in raised.value.problems


def test_leaving_says_that_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    world = World("DEPLOYING")

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    world.pause = interrupt  # type: ignore[method-assign] # as Ctrl-C does
    with pytest.raises(KeyboardInterrupt):
        world.wait()
    assert "it goes on. Look again: aether look" in capsys.readouterr().err


def test_not_found_means_nothing_is_left() -> None:
    def missing(timeout_s: float) -> object:
        raise Missing("gone")

    assert look_at(missing, lambda _: Progress(state="x"))(1.0) == Sight(None, None)
