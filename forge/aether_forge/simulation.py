"""`aether-forge sim` and `aether-forge replay`: simulated groups of store members, by seed."""

import os
import sys

import click

SIZES = click.IntRange(1, 9)


class Seeds(click.ParamType[range]):
    """A range of seeds, both ends included: `1..500`, or one seed."""

    name = "A..B"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> range:
        """Return the seeds of a text."""
        first, dots, last = str(value).partition("..")
        try:
            seeds = range(int(first), int(last if dots else first) + 1)
        except ValueError:
            self.fail(f"{value!r} is not a range of seeds such as 1..500", param, ctx)
        if not seeds or seeds[0] < 0:
            self.fail(
                f"{value!r} holds no seed: the first is at least 0, the last no less", param, ctx
            )
        return seeds


@click.command()
@click.option("--seeds", type=Seeds(), default="1..200", show_default=True)
@click.option("--nodes", type=SIZES, help="Members of each group.  [default: 3 or 5, by seed]")
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=min(2, os.cpu_count() or 1),
    show_default=True,
    help="Processes that run seeds.",
)
def sim(seeds: range, nodes: int | None, jobs: int) -> None:
    """Run simulated groups of store members through faults, and judge what clients were told."""
    from aether_forge.sim.raft.campaign import campaign  # noqa: PLC0415 - other commands start quicker without

    report = campaign([(seed, nodes) for seed in seeds], jobs=jobs, say=_say)
    for line in report.summary():
        _say(line)
    if not report.passed:
        sys.exit(1)


@click.command()
@click.argument("seed", type=click.IntRange(0))
@click.option("--nodes", type=SIZES, help="Members of the group.  [default: 3 or 5, by seed]")
@click.option("--all", "everything", is_flag=True, help="Tell the whole story.")
def replay(seed: int, nodes: int | None, *, everything: bool) -> None:
    """Run SEED again with no more faults than it takes to go wrong, and tell its story."""
    from aether_forge.sim.raft import replay as stories  # noqa: PLC0415 - other commands start quicker without
    from aether_forge.sim.raft.settings import draw  # noqa: PLC0415 - as above

    verdict, lines = stories.replay(draw(seed, nodes), everything=everything)
    for line in lines:
        _say(line)
    if verdict.violations:
        sys.exit(1)


def _say(text: str) -> None:
    print(text, flush=True)
