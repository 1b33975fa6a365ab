"""A clock that leaves out the time in which its process stood still."""

import pytest

from aether.control.listening import PULSE_S, ListeningClock
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual


class Stoppable(VirtualClock):
    """Time goes on by `ahead` seconds while the process stands still."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


def test_a_pause_is_left_out_and_time_awake_counts() -> None:
    async def story() -> None:
        clock = Stoppable()
        listening, tasks = ListeningClock(clock), Tasks()
        tasks.start("listening", listening.run())
        began = listening.now()
        await let_pass(10.0)
        assert listening.now() - began == pytest.approx(10.0)
        assert listening.missed_s == 0.0
        clock.ahead = 60.0
        assert listening.now() - began == pytest.approx(10.0 + PULSE_S)
        assert listening.missed_s == pytest.approx(60.0 - PULSE_S)
        await let_pass(5.0)
        assert listening.now() - began == pytest.approx(15.0 + PULSE_S)
        await tasks.stop()

    run_virtual(story())


def test_who_goes_on_first_does_not_hide_the_pause() -> None:
    async def story() -> None:
        clock = Stoppable()
        listening = ListeningClock(clock)
        began = listening.now()
        for _ in range(5):
            clock.ahead += 30.0
            listening.now()
        assert listening.now() - began == pytest.approx(5 * PULSE_S)

    run_virtual(story())
