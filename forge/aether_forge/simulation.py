"""`aether-forge sim`, `replay` and `scenario`: simulated stores and whole clusters, by seed or by file.

Two worlds: `store` is a group of store members on simulated disks and networks; `control` is a whole
cluster of real managers on a simulated quorum.
"""

import os
import sys
from pathlib import Path

import click

SIZES = click.IntRange(1, 9)
WORLD = click.option(
    "--world",
    type=click.Choice(["store", "control"]),
    default="store",
    show_default=True,
    help="What is simulated: groups of store members, or whole clusters with their managers.",
)


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
@WORLD
@click.option("--seeds", type=Seeds(), default="1..200", show_default=True)
@click.option("--nodes", type=SIZES, help="Members of each group.  [default: 3, 4 or 5, by seed]")
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=min(2, os.cpu_count() or 1),
    show_default=True,
    help="Processes that run seeds.",
)
def sim(world: str, seeds: range, nodes: int | None, jobs: int) -> None:
    """Run simulated lives through faults, and judge what was promised of them.

    A store is judged by what its clients were told, a cluster by every commit, every request and what
    it is like once the faults are over.
    """
    every = [(seed, nodes) for seed in seeds]
    if not (_control(every, jobs) if world == "control" else _store(every, jobs)):
        sys.exit(1)


def _store(seeds: list[tuple[int, int | None]], jobs: int) -> bool:
    from aether_forge.sim.raft.campaign import campaign  # noqa: PLC0415 - other commands start quicker without

    report = campaign(seeds, jobs=jobs, say=_say)
    for line in report.summary():
        _say(line)
    return report.passed


def _control(seeds: list[tuple[int, int | None]], jobs: int) -> bool:
    from aether_forge.sim.control.campaign import campaign  # noqa: PLC0415 - other commands start quicker without

    report = campaign(seeds, jobs=jobs, say=_say)
    for line in report.summary():
        _say(line)
    return report.passed


@click.command()
@WORLD
@click.argument("seed", type=click.IntRange(0))
@click.option("--nodes", type=SIZES, help="Members of the group.  [default: by seed]")
@click.option("--all", "everything", is_flag=True, help="Tell the whole story.")
def replay(world: str, seed: int, nodes: int | None, *, everything: bool) -> None:
    """Run SEED again with no more faults than it takes to go wrong, and tell its story."""
    if world == "control":
        lines, wrong = _control_story(seed, nodes, everything=everything)
    else:
        lines, wrong = _store_story(seed, nodes, everything=everything)
    for line in lines:
        _say(line)
    if wrong:
        sys.exit(1)


def _store_story(seed: int, nodes: int | None, *, everything: bool) -> tuple[list[str], bool]:
    from aether_forge.sim.raft import replay as stories  # noqa: PLC0415 - other commands start quicker without
    from aether_forge.sim.raft.settings import draw  # noqa: PLC0415 - as above

    verdict, lines = stories.replay(draw(seed, nodes), everything=everything)
    return lines, bool(verdict.violations)


def _control_story(seed: int, nodes: int | None, *, everything: bool) -> tuple[list[str], bool]:
    from aether_forge.sim.control import replay as stories  # noqa: PLC0415 - other commands start quicker without
    from aether_forge.sim.control.settings import draw  # noqa: PLC0415 - as above

    verdict, lines = stories.replay(draw(seed, nodes), everything=everything)
    return lines, bool(verdict.violations)


@click.command()
@click.argument("files", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Tell the story of each.")
def scenario(files: tuple[Path, ...], *, everything: bool) -> None:
    """Play scenarios FILES (TOML: a cluster, what befalls it, what is expected); without, those shipped."""
    from aether_forge.sim.control.play import told  # noqa: PLC0415 - other commands start quicker without
    from aether_forge.sim.control.scenario import read, shipped  # noqa: PLC0415 - as above

    good = True
    for path in files or shipped():
        try:
            lines, kept = told(read(path), everything=everything)
        except ValueError as problem:
            raise click.UsageError(f"{path}: {problem}") from problem
        good &= kept
        for line in lines:
            _say(line)
    if not good:
        sys.exit(1)


def _say(text: str) -> None:
    print(text, flush=True)
