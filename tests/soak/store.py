"""The soak of the store: `python -m tests.soak.store [--nodes 3|5] [--rounds N] [--minutes M] [--faults NAME,…]`.

Each round does one fault (now and then two) to a cluster of real processes under load, ends it, waits until all members
serve again, and judges what clients were told. The report is one JSON object; exit code 1 when anything was wrong. A
failing round leaves a bundle: history, what was done when, logs and the members' directories.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from aether.core.store.commands import Put, Txn
from aether.errors import AetherError
from tests.soak import broken, checks, enclosure
from tests.soak.caller import REASON, Caller
from tests.soak.faults import FAULTS, HOLDS_S, together
from tests.soak.ledger import Fate, Ledger
from tests.soak.workload import Record, Workload
from tests.soak.world import World, wait

CLIENTS = 6
CALM_S = (0.3, 1.0)
HOLD_S = (2.0, 5.0)
WHOLE_S = 30.0
LOOK_BACK = 10
"""Every so many rounds, the keys of all rounds before are judged again."""
BULK = 500
BULK_S = 10.0
BULK_VALUE = b"b" * 200


@dataclass(slots=True)
class Round:
    """What one round did and showed."""

    number: int
    faults: str
    story: str = ""
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    operations: int = 0
    write_gap_s: float = 0.0
    """Longest time without an acknowledged write, from the fault to its end."""
    slowest_call_s: float = 0.0
    whole_s: float = 0.0
    """From the end of the fault until every member served."""
    dropped_frames: int = 0
    terms: int = 0
    """How much the term grew."""
    violations: list[str] = field(default_factory=list)


def main(arguments: Sequence[str]) -> int:
    """Run the soak inside namespaces of its own."""
    options = parsed(arguments)
    problem = enclosure.missing()
    if problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    if not enclosure.is_inside():
        enclosure.enter("tests.soak.store", list(arguments))
    enclosure.prepare()
    report = soak(options)
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if report["violations"] else 0


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; ends the process with a message when it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.store", description=__doc__)
    parser.add_argument("--nodes", type=int, choices=(3, 5), default=3)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no round after so long")
    parser.add_argument("--faults", default=",".join(FAULTS), help=f"of {', '.join(FAULTS)}")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--engine", default="native")
    parser.add_argument(
        "--keys", type=int, default=20000, help="keys of 200 B there from the start"
    )
    parser.add_argument(
        "--without-sync",
        action="store_true",
        help="break every member: syncs do nothing, and power cuts must be seen to lose writes",
    )
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "aether-soak")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.faults.split(",") if name not in FAULTS]
    if unknown:
        parser.error(f"no such fault: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    return options


def soak(options: argparse.Namespace) -> dict[str, object]:
    """Run all rounds; return the report."""
    names = options.faults.split(",")
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    world = World(
        folder,
        options.nodes,
        engine=options.engine,
        preload=str(broken.build(folder)) if options.without_sync else "",
    )
    rounds: list[Round] = []
    everything = Ledger()
    ends_at = time.monotonic() + 60 * options.minutes
    try:
        world.up()
        world.wait_until_whole(WHOLE_S)
        fill(world, options.keys)
        for number in range(1, options.rounds + 1):
            if time.monotonic() > ends_at:
                break
            dice = random.Random(f"{options.seed}/{number}")
            rounds.append(one_round(world, number, names, dice, options.out, everything))
            sys.stderr.write(f"{line(rounds[-1])}\n")
    finally:
        world.down()
        shutil.rmtree(folder, ignore_errors=True)  # the mounts in it go with the namespace
    return report(rounds, options)


def fill(world: World, keys: int) -> None:
    """Put keys nobody touches, so that snapshots take a while."""
    with Caller(world.sockets[0]) as caller:
        for first in range(0, keys, BULK):
            puts = tuple(
                Put(f"soak-bulk/{number:06d}", BULK_VALUE)
                for number in range(first, min(first + BULK, keys))
            )
            caller.submit(Txn(then=puts, reason=REASON), BULK_S)


def one_round(
    world: World,
    number: int,
    names: Sequence[str],
    dice: random.Random,
    out: Path,
    everything: Ledger,
) -> Round:
    """Do one fault under load and judge what came of it."""
    first = names[(number - 1) % len(names)]
    others = [name for name in names if name != first]
    chosen = [first, dice.choice(others)] if others and dice.random() < 0.2 else [first]
    # Only members that run begin a snapshot to be killed in, so that fault comes before its fellow.
    chosen.sort(key=lambda name: name != "kill-in-snapshot")
    done = Round(number, "+".join(chosen))
    workload = Workload(world.sockets, CLIENTS, f"r{number}", dice.randrange(2**32))
    term = max_term(world)
    workload.start()
    try:
        began = torment(world, done, chosen, dice)
        done.whole_s = world.wait_until_whole(WHOLE_S)
        wait(dice.uniform(*CALM_S))
    except (TimeoutError, RuntimeError, OSError) as problem:
        done.violations.append(f"{type(problem).__name__}: {problem}")
        began = time.monotonic()
    ended = time.monotonic()
    record = workload.stop()
    done.write_gap_s = record.longest_gap_s(began, ended)
    done.terms = max_term(world) - term
    everything.lines += record.ledger.lines
    judge(world, done, record, everything)
    if done.violations:
        keep(world, done, record, out)
        world.start_over()
    return done


def torment(world: World, done: Round, chosen: Sequence[str], dice: random.Random) -> float:
    """Do the faults, hold them, end them; return when they began."""
    wait(dice.uniform(*CALM_S))
    began = time.monotonic()
    try:
        with together([FAULTS[name] for name in chosen], world, dice) as story:
            done.story = story
            wait(dice.uniform(*HOLDS_S.get(chosen[0], HOLD_S)))
            done.dropped_frames = world.network.dropped()
            done.violations += world.died()
    finally:
        world.heal()
    return began


def judge(world: World, done: Round, record: Record, everything: Ledger) -> None:
    """Count, and check what the members hold against what clients were told."""
    done.acknowledged = record.ledger.count(Fate.ACKNOWLEDGED)
    done.refused = record.ledger.count(Fate.REFUSED)
    done.unknown = record.ledger.count(Fate.UNKNOWN)
    done.operations = len(record.history.operations) + len(record.ledger.lines)
    done.slowest_call_s = record.slowest_s
    try:
        finals = world.finals(f"soak/r{done.number}/")
        done.violations += checks.violations(record, finals)
        if done.number % LOOK_BACK == 0:
            done.violations += checks.lasting(everything, world.finals("soak/r"))
    except AetherError as problem:
        done.violations.append(f"nothing can be read after the round: {problem.message}")


def max_term(world: World) -> int:
    """Return the highest term any member knows."""
    return max((status.term for m in world.members if (status := m.status())), default=0)


def line(done: Round) -> str:
    """Say how a round went, for people."""
    word = "BAD" if done.violations else "ok"
    return (
        f"{done.number:4} {word:3} {done.faults}: {done.story}; {done.operations} operations, "
        f"{done.acknowledged}/{done.refused}/{done.unknown} acknowledged/refused/unknown, gap "
        f"{done.write_gap_s:.2f} s, whole after {done.whole_s:.2f} s, {done.terms} terms"
        + "".join(f"\n         {violation}" for violation in done.violations)
    )


def keep(world: World, done: Round, record: Record, out: Path) -> None:
    """Keep what explains a failing round."""
    bundle = out / f"round-{done.number}-{int(time.time())}"
    bundle.mkdir(parents=True)
    (bundle / "round.json").write_text(json.dumps(asdict(done), indent=1))
    with (bundle / "history.txt").open("w") as file:
        file.writelines(f"{operation}\n" for operation in record.history.operations)
        file.writelines(f"{entry}\n" for entry in record.ledger.lines)
    for member in world.members:
        shutil.copy(member.log, bundle)
        source = Path(member.spec.data_dir) / "store"
        shutil.copytree(source, bundle / member.node, ignore=shutil.ignore_patterns("ballast"))
    sys.stderr.write(f"     kept in {bundle}\n")


def report(rounds: Sequence[Round], options: argparse.Namespace) -> dict[str, object]:
    """Sum the rounds up."""
    kills = [done for done in rounds if done.faults == "kill-leader"]
    return {
        "nodes": options.nodes,
        "engine": options.engine,
        "seed": options.seed,
        "rounds": len(rounds),
        "by_fault": {
            name: sum(name in done.faults.split("+") for done in rounds)
            for name in options.faults.split(",")
        },
        "operations": sum(done.operations for done in rounds),
        "acknowledged": sum(done.acknowledged for done in rounds),
        "unknown": sum(done.unknown for done in rounds),
        "refused": sum(done.refused for done in rounds),
        "slowest_call_s": round(max((done.slowest_call_s for done in rounds), default=0.0), 3),
        "leader_kill_gap_median_s": round(
            statistics.median([done.write_gap_s for done in kills] or [0.0]), 3
        ),
        "leader_kill_gap_max_s": round(max((done.write_gap_s for done in kills), default=0.0), 3),
        "whole_max_s": round(max((done.whole_s for done in rounds), default=0.0), 3),
        "violations": [
            f"round {done.number} ({done.story}): {violation}"
            for done in rounds
            for violation in done.violations
        ],
        "detail": [asdict(done) for done in rounds],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
