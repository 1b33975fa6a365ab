"""CPU of one change: from the entries of the store to the frame, and from the frame to the index."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from aether.core.dataplane.compile import TableCompiler
from aether.core.dataplane.table_copy import TableCopy
from aether.core.model.projection import Projector
from aether.dataplane.editions import Editions
from aether.dataplane.routing import Routing
from aether.frames import HEADER, unpack
from tests.bench.report import Result, conditions
from tests.bench.table.world import NODES, SIZE, World

CHANGES = 60

_Answer = TypeVar("_Answer")


class _Costs:
    """Milliseconds of CPU by step."""

    def __init__(self) -> None:
        self.took: dict[str, list[float]] = {}

    def of(self, step: str, work: Callable[[], _Answer]) -> _Answer:
        """Do some work and note what it took."""
        began = time.process_time()
        answer = work()
        self.took.setdefault(step, []).append((time.process_time() - began) * 1e3)
        return answer

    def medians(self) -> Mapping[str, float]:
        """Return the median of each step, in milliseconds."""
        return {step: statistics.median(each) for step, each in self.took.items()}


def measure() -> list[Result]:
    """Change one endpoint again and again; return what each step costs."""
    world, projector, compiler = World(), Projector(), TableCompiler(NODES[0])
    editions, costs = Editions(), _Costs()
    view = projector.project(world.entries(), world.revision)
    editions.publish(compiler.compile(view))
    first = unpack(editions.frame(None)[HEADER.size :])
    copy = TableCopy(compiler.compile(view))
    costs.of("router, first table: read", lambda: copy.take_whole(first["table"]))
    routing = costs.of("router, first table: index", lambda: Routing(copy.table))
    for _ in range(CHANGES):
        world.change()
        entries, known = world.entries(), editions.present
        view = costs.of("node: project", lambda: projector.project(entries, world.revision))  # noqa: B023 - called at once
        table = costs.of("node: compile", lambda: compiler.compile(view))  # noqa: B023 - as above
        costs.of("node: check", lambda: editions.publish(table))  # noqa: B023 - as above
        frame = costs.of("node: pack", lambda: editions.frame(known))  # noqa: B023 - as above
        message = unpack(frame[HEADER.size :])
        number, _ = message.pop("fingerprint"), message.pop("op")
        costs.of("router: take", lambda: copy.take_delta(message, number))  # noqa: B023 - as above
        routing = costs.of("router: index", lambda: Routing(copy.table, routing))  # noqa: B023 - as above
    said = conditions(SIZE, f"median of {CHANGES} changes of one endpoint")
    return [
        Result(
            bench="table", case=step, metric="cpu", value=round(ms, 3), unit="ms", conditions=said
        )
        for step, ms in costs.medians().items()
    ]
