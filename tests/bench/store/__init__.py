"""Our store beside etcd: three members each on one machine, fsync on, the same disk, in turns.

`BENCH_ONLY` chooses among `load`, `idle`, `failover`, `restart` and `api` (all, unless told), and `calm`: no election
while every core is busy for `BENCH_CALM` seconds (600), only when named; `BENCH_PEERS` among `aether`
and `etcd`; `BENCH_SECONDS`, `BENCH_ROUNDS`, `BENCH_KILLS` and `BENCH_ENTRIES` set how long, how often, how many leaders
die and how many entries a restart reads. Figures of a load are medians of the rounds.
"""

import os
import sys
from collections.abc import Callable, Iterator

from tests.bench.report import conditions, write
from tests.bench.store import etcd
from tests.bench.store.api import api_numbers
from tests.bench.store.calm import calm_numbers
from tests.bench.store.loads import idle_numbers, load_numbers
from tests.bench.store.native import Native
from tests.bench.store.numbers import Number, paired
from tests.bench.store.outages import failover_numbers, restart_numbers
from tests.bench.store.peers import Peer


def run() -> None:
    """Measure what was asked for and print the results."""
    peers = chosen(os.environ.get("BENCH_PEERS", "aether,etcd").split(","))
    seconds = float(os.environ.get("BENCH_SECONDS", "5"))
    rounds = int(os.environ.get("BENCH_ROUNDS", "3"))
    kills = int(os.environ.get("BENCH_KILLS", "20"))
    calm_s = float(os.environ.get("BENCH_CALM", "600"))
    entries = int(os.environ.get("BENCH_ENTRIES", "1000000"))
    sections: dict[str, tuple[Callable[[], Iterator[Number]], str]] = {
        "load": (lambda: load_numbers(peers, seconds, rounds), f"{rounds} rounds of {seconds:g} s"),
        "idle": (lambda: idle_numbers(peers), "no clients"),
        "failover": (
            lambda: failover_numbers(peers, kills),
            f"{kills} kills, nothing else running",
        ),
        "api": (lambda: api_numbers(seconds, rounds), "3 whole nodes, h2load over HTTP/1.1"),
        "restart": (lambda: restart_numbers(peers, entries), "all members killed, log kept whole"),
    }
    on_demand = {"calm": (lambda: calm_numbers(peers, calm_s), "a busy loop a core, one writer")}
    for name in os.environ.get("BENCH_ONLY", ",".join(sections)).split(","):
        measure, how = {**sections, **on_demand}[name]
        numbers = list(measure())
        write(
            paired(
                numbers, conditions("3 members, loopback, one disk, fsync on", etcd.version(), how)
            )
        )


def chosen(names: list[str]) -> list[Peer]:
    """Return the peers asked for; etcd is left out, by name, where it is not installed."""
    peers: list[Peer] = [Native()] if "aether" in names else []
    if "etcd" in names:
        if etcd.available():
            peers.append(etcd.Etcd())
        else:
            sys.stderr.write("without etcd: install etcd-server and nghttp2-client to compare\n")
    return peers
