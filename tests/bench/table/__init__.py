"""What a change of the routing table costs, and how soon every router works by it.

`BENCH_ONLY` picks of `cost`, `link` and `cluster`; without it all three are measured. `BENCH_CHANGES` is
how many changes are timed, `BENCH_NODES` how many nodes the cluster has.
"""

import os

from tests.bench.report import write
from tests.bench.table import cluster, cost, link

PARTS = {"cost": cost.measure, "link": link.measure, "cluster": cluster.measure}


def run() -> None:
    """Measure what is asked for and print the results."""
    only = os.environ.get("BENCH_ONLY", "")
    for name, measure in PARTS.items():
        if not only or name in only.split(","):
            write(measure())
