"""The conversation with an advisor: shown always, carried out only where it may be."""

import msgspec
import pytest

from aether.control.advising import ADVISOR, Advising
from aether.control.scaling_telling import ScalingDesk
from aether.errors import Unavailable
from tests.scaling_world import ScalingWorld, load, running
from tests.worlds import SHOP

CALM = load(60.0)


class FakeAdvisor:
    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.shown: list[bytes] = []

    async def advise(self, figures: bytes) -> bytes:
        self.shown.append(figures)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def proposing(instances: int, base: str = SHOP, reason: str = "noon") -> bytes:
    return msgspec.json.encode(
        {"proposals": [{"slice": base, "instances": instances, "reason": reason}]}
    )


async def advised(advisor: FakeAdvisor, *, dry_run: bool = False) -> tuple[ScalingWorld, Advising]:
    world = ScalingWorld()
    await world.second(CALM, times=3)
    advising = Advising(
        world.loop, world.control, advisor, world.clock, interval_s=30.0, dry_run=dry_run
    )
    return world, advising


async def test_it_is_shown_what_the_rules_see() -> None:
    advisor = FakeAdvisor(b"{}")
    _, advising = await advised(advisor)
    await advising.ask()
    (shown,) = msgspec.json.decode(advisor.shown[0])["slices"]
    assert (shown["slice"], shown["instances"], shown["rate"]) == (SHOP, 2, 60.0)
    assert (shown["least"], shown["most"], shown["capacity_rps"]) == (2, 10, 100.0)
    assert advising.problem == ""


async def test_a_proposal_is_carried_out_and_shown_with_its_reason() -> None:
    world, advising = await advised(FakeAdvisor(proposing(5)))
    await advising.ask()
    await world.second(CALM)
    wish = world.control.scale[SHOP]
    assert (wish.instances, wish.because.rule) == (5, "scaling.advisor")
    assert "as an advisor proposes (noon)" in wish.because.text
    desk = ScalingDesk(world.loop, world.control, advising)
    (mine,) = [one for one in desk.decisions(SHOP, 100) if one["actor"] == ADVISOR]
    assert (mine["wanted"], mine["dry_run"], mine["replayed"]) == (5, False, True)


async def test_a_dry_run_shows_and_does_nothing() -> None:
    world, advising = await advised(FakeAdvisor(proposing(5), proposing(5)), dry_run=True)
    await advising.ask()
    await advising.ask()
    await world.second(CALM)
    assert world.control.scale == {}
    desk = ScalingDesk(world.loop, world.control, advising)
    mine = [one for one in desk.decisions(SHOP, 100) if one["actor"] == ADVISOR]
    assert [(one["wanted"], one["dry_run"], one["kind"]) for one in mine] == [(5, True, "up")]
    assert desk.status()["advisor"] == {"dry_run": True, "problem": ""}


async def test_guards_hold_for_it_too() -> None:
    world, advising = await advised(
        FakeAdvisor(proposing(11), proposing(1), proposing(5), proposing(6))
    )
    for _ in range(4):
        await advising.ask()
    await world.second(CALM)
    assert world.control.scale[SHOP].instances == 5, "out of bounds twice, taken, too soon"
    texts = [one.text for one in world.loop.decisions.newest_first(SHOP) if one.actor == ADVISOR]
    assert len(texts) == 4
    assert "the last proposal was taken 0 s ago" in texts[0]


async def test_advice_gives_nothing_up_unwatched_nor_blind_nor_below_the_plan() -> None:
    world = ScalingWorld(running(6))
    proposals = [proposing(number) for number in (4, 3, 4, 3, 4)]
    advising = Advising(
        world.loop,
        world.control,
        FakeAdvisor(*proposals),
        world.clock,
        interval_s=30.0,
        dry_run=False,
    )

    async def said() -> str:
        await advising.ask()
        texts = [
            one.text for one in world.loop.decisions.newest_first(SHOP) if one.actor == ADVISOR
        ]
        return texts[0]

    busy = load(310.0)
    await world.second(busy, times=3)
    assert "refused: watched without a hole for" in await said()
    await world.second(load(None), times=2)
    assert "refused: nobody reports" in await said()
    await world.second(busy, times=400)
    await world.second(load(310.0, errors=0.5))
    assert "refused: 50% of requests fail" in await said()
    assert world.control.scale == {}
    await world.second(busy)
    assert "refused: load, present and to come, needs 5" in await said(), (
        "310 a second with the usual headroom"
    )
    assert "refused: load, present and to come, needs 5" in await said()


@pytest.mark.parametrize(
    "answer", [Unavailable("nobody is there"), b"<html>", b'{"proposals": 1}', proposing(0)]
)
async def test_no_answer_and_no_sense_change_nothing(answer: bytes | Exception) -> None:
    world, advising = await advised(FakeAdvisor(answer))
    await advising.ask()
    await world.second(CALM)
    assert world.control.scale == {}
    assert advising.problem != ""


async def test_a_slice_that_is_not_scaled_is_passed_over() -> None:
    world, advising = await advised(FakeAdvisor(proposing(5, base="org.example:other")))
    await advising.ask()
    await world.second(CALM)
    assert (world.control.scale, advising.problem) == ({}, "")
