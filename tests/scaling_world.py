"""The leader's scaling over a view and figures that a test sets, on a clock it turns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from aether.control.scaling import ScalingGround, ScalingLoop
from aether.core.control.signals import NodeWish, ScaleWish
from aether.core.metrics.aggregate import SliceLoad
from aether.core.model import keys
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.records import TargetRecord
from aether.core.model.scaling import Scaling
from aether.core.model.view import PREFIXES, ClusterView
from aether.core.scaling.controller import History
from aether.ports import Store
from aether.store.look import Look
from tests.worlds import SHOP, fact, nodes, spec, target, wish, with_blueprint, with_instance

NODE = NodeId("n1")


def load(
    rate: float | None = 100.0,
    *,
    base: str = SHOP,
    in_flight: int = 10,
    concurrency: float = 10.0,
    cpu: float | None = 0.1,
    age_s: float = 0.2,
    errors: float = 0.0,
) -> SliceLoad:
    """What is measured of a slice; only what matters to scaling is told apart."""
    return SliceLoad(
        base=base, age_s=age_s, rate=rate, in_flight=in_flight, concurrency=concurrency,
        error_share=errors, p50_s=0.01, p95_s=0.02, p99_s=0.03, cpu=cpu, rss=1e8, instances=2,
        retries=0.0,
    )  # fmt: skip


def scaled(
    instances: int = 2, *, least: int = 2, most: int = 10, capacity_rps: float | None = 100.0
) -> TargetRecord:
    """A target that load may change."""
    bounds = Scaling(least=least, most=most, capacity_rps=capacity_rps)
    return replace(target(instances=instances), scaling=bounds)


def running(
    instances: int = 2,
    record: TargetRecord | None = None,
    *,
    view: ClusterView | None = None,
    revision: int = 7,
) -> ClusterView:
    """A view in which so many instances of SHOP serve, as its target wants."""
    view = view or nodes("n1", "n2")
    names = sorted(view.nodes)
    record = record or scaled(instances)
    view = with_blueprint(view, spec(f"{SHOP}:1.0.0", instances))
    view = replace(
        view,
        targets={**view.targets, SHOP: record},
        revisions={**view.revisions, keys.target(SHOP): revision},
    )
    for ordinal in range(instances):
        where = names[ordinal % len(names)]
        view = with_instance(view, where, f"{SHOP}:1.0.0/{ordinal}", wish(), fact())
    return view


class FakeLoads:
    """Figures as a test sets them."""

    def __init__(self) -> None:
        self.known: dict[SliceBase, SliceLoad] = {}
        self._callbacks: list[Callable[[], None]] = []

    def load(self, base: SliceBase) -> SliceLoad | None:
        return self.known.get(base)

    def subscribe(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def tell(self) -> None:
        """There are new figures."""
        for callback in self._callbacks:
            callback()


@dataclass
class FakeControl:
    """A leader's loop that notes what it is asked for."""

    seen: ClusterView = field(default_factory=ClusterView)
    scale: Mapping[SliceBase, ScaleWish] = field(default_factory=dict)
    nodes_wish: NodeWish = field(default_factory=NodeWish)
    asked: int = 0

    def view(self) -> ClusterView:
        return self.seen

    def wish(self, scale: Mapping[SliceBase, ScaleWish], nodes_wish: NodeWish) -> None:
        self.scale, self.nodes_wish = scale, nodes_wish
        self.asked += 1


class StoreControl(FakeControl):
    """The same over a store."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._look = Look(store, PREFIXES)

    def view(self) -> ClusterView:
        return self._look.view()


class TurnedClock:
    """Time that a test moves."""

    def __init__(self, now: float = 1000.0) -> None:
        self.at = now

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


class ScalingWorld:
    """A leader that scales SHOP."""

    def __init__(self, view: ClusterView | None = None, *, has_provider: bool = True) -> None:
        self.clock = TurnedClock()
        self.loads = FakeLoads()
        self.control = FakeControl(running() if view is None else view)
        self.leader: NodeId | None = NODE
        self.pasts: dict[SliceBase, History] = {}
        self.loop = ScalingLoop(
            ScalingGround(
                node=NODE,
                leader=lambda: self.leader,
                control=self.control,
                loads=self.loads,
                clock=self.clock,
                past=self.pasts.get,
                has_provider=has_provider,
                wall=lambda: self.clock.at,
            )
        )

    async def second(self, measured: SliceLoad | None = None, times: int = 1) -> None:
        """Let so many seconds pass, each with these figures of SHOP."""
        for _ in range(times):
            self.clock.at += 1.0
            if measured is not None:
                self.loads.known[SHOP] = measured
            await self.loop.tick()
