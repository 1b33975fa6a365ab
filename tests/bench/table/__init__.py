"""What a change of the routing table costs, and how soon every router works by it.

`BENCH_ONLY` picks of `cost`, `link` and `cluster`; without it all three are measured. `BENCH_CHANGES` is
how many changes are timed, `BENCH_NODES` how many nodes the cluster has. `cluster` takes half a minute, or
over a minute where Python may not keep what it compiled; p99 is to stay within 250 ms. On two cores at load 4.5,
five nodes, tables of six instances: a weight is in every router 16 ms (p50), 30 ms (p99), 32 ms (worst) after the
commit, 29, 57 and 60 ms after the call; an instance comes in 18, 37 and 37 ms, leaves in 17, 43 and 43 ms.
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
