"""What a scenario expects: of its targets, its nodes, its slices and its requests."""

from collections.abc import Iterator

import msgspec

from aether.core.control.status import blueprint_status
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.view import ClusterView
from aether_forge.sim.control.goods import APP
from aether_forge.sim.control.rest import unmet
from aether_forge.sim.control.world import World


class Expect(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={"since": "from"},
):
    """Everything given holds at some time up to `by`; with `from`, all the time between the two."""

    by: float
    since: float | None = None
    met: bool | None = None
    """Whether every target is met."""
    state: str = ""
    """State of the blueprint: DEPLOYED, DEPLOYING, FAILED, DEGRADED."""
    node: str = ""
    verdict: str = ""
    instances: int | None = None
    """Of `node`, or of `slice`: how many are wanted there."""
    at_most: int | None = None
    """Of `node`: how many are wanted there at most."""
    slice: str = ""
    active: int | None = None
    """Of `slice`: how many are ACTIVE, of any version."""
    at_least: int | None = None
    """Of `slice`: how many are ACTIVE at least."""
    version: str = ""
    """Of `slice`: the version of every ACTIVE instance."""
    parked: int | None = None
    """Of `slice`: how many are parked."""
    failed_requests: int | None = None
    """Requests that failed from `from` (0 without) to `by`, at most."""

    def __str__(self) -> str:
        given = {
            name: value
            for name, value in msgspec.structs.asdict(self).items()
            if value not in (None, "") and name not in ("by", "since")
        }
        when = (
            f"by {self.by:g} s" if self.since is None else f"from {self.since:g} to {self.by:g} s"
        )
        return f"{when}: {', '.join(f'{name} {value}' for name, value in given.items())}"


def unkept(expect: Expect, world: World, began: float) -> str:
    """Return what is not as expected now; empty when all is. `began` is second 0 of the scenario."""
    view = world.view()
    problems = [
        *_of_blueprint(expect, view),
        *_of_node(expect, view),
        *_of_slice(expect, view),
        *_of_requests(expect, world, began),
    ]
    return "; ".join(problems)


def _of_blueprint(expect: Expect, view: ClusterView) -> Iterator[str]:

    if expect.met is not None:
        problem = unmet(view, (APP,))
        if bool(problem) == expect.met:
            yield problem or "all targets are met"
    if expect.state:
        status = blueprint_status(view, APP)
        state = status.state if status is not None else "gone"
        if state != expect.state:
            yield f"the blueprint is {state}"


def _of_node(expect: Expect, view: ClusterView) -> Iterator[str]:
    if not expect.node:
        return
    node = NodeId(expect.node)
    record = view.verdicts.get(node)
    verdict = record.verdict if record is not None else "not judged"
    if expect.verdict and verdict != expect.verdict:
        yield f"{node} is {verdict}"
    count = sum(placed[0] == node for placed in view.wanted)
    if expect.instances not in (None, count):
        yield f"{node} hosts {count}"
    if expect.at_most is not None and count > expect.at_most:
        yield f"{node} hosts {count}"


def _of_slice(expect: Expect, view: ClusterView) -> Iterator[str]:
    if not expect.slice:
        return
    base = SliceBase(f"org.example:{expect.slice}")
    wanted = [wish for placed, wish in view.wanted.items() if placed[1].base == base]
    active = view.active_by_slice().get(base, ())
    if expect.instances not in (None, len(wanted)):
        yield f"{base} has {len(wanted)} instances"
    if expect.active not in (None, len(active)) or len(active) < (expect.at_least or 0):
        yield f"{base} has {len(active)} ACTIVE"
    others = sorted({placed[1].version for placed in active} - {expect.version})
    if expect.version and others:
        yield f"{base} serves with {', '.join(others)}"
    parked = sum(wish.parked for wish in wanted)
    if expect.parked not in (None, parked):
        yield f"{base} has {parked} parked"


def _of_requests(expect: Expect, world: World, began: float) -> Iterator[str]:
    if expect.failed_requests is None:
        return
    since = began + (expect.since or 0.0)
    failed = [one for one in world.traffic.failed if since <= one.at <= began + expect.by]
    if len(failed) > expect.failed_requests:
        first = failed[0]
        yield (
            f"{len(failed)} requests failed, the first to {first.slice} through {first.node} at "
            f"{first.at - began:.2f} s: {first.why}"
        )
