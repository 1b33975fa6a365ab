"""Calls about what is measured: now, by name, and over the last two hours."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.config.guess import did_you_mean
from aether.core.metrics.aggregate import InstanceFigures, NodeFigures, SliceLoad
from aether.core.metrics.catalogue import CATALOGUE, Metric
from aether.core.metrics.rings import SPAN_S
from aether.core.metrics.windows import STEPS_S
from aether.core.metrics.work import Work, pieces
from aether.errors import Invalid, NotFound, Unavailable
from aether.tasks import by_turns
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.courses import Point

DEFAULT_RANGE_S = 600
MOST_POINTS = 20_000
"""Points in one answer, all subjects together."""
_DIGITS = 6
_PIECE = 64
"""Rows of an answer between two pauses, some 0.3 ms of work."""
_OF_INSTANCE = tuple(field.name for field in fields(InstanceFigures))
_T = TypeVar("_T")


async def get_metrics(context: Context, call: Call) -> Answer:
    """Answer with the last figures of nodes and slices, and of instances when they are asked for."""
    metrics = metrics_of(context)
    wants_instances = call.flag("instances")
    value: dict[str, Any] = {
        "second": metrics.second,
        "age_s": round(metrics.age_s, 3),
        "leader": context.store.leader,
    }
    # All of it is of this second, whatever comes while it is written.
    nodes, slices, instances = metrics.nodes(), metrics.loads(), metrics.instances()
    value["nodes"] = [_node(one) for one in nodes.values()]
    value["slices"] = await _listed(slices.values(), _slice)
    if wants_instances:
        value["instances"] = await _listed(instances, _instance)
    return Answer(value=value)


async def get_catalogue(context: Context, call: Call) -> Answer:
    """Answer with every metric and its values now."""
    metrics = metrics_of(context)
    wanted = [_metric(call.query["metric"])] if "metric" in call.query else CATALOGUE.values()
    values: dict[str, dict[str, float]] = {}
    second = metrics.second

    def gather() -> Work[list[dict[str, Any]]]:
        for piece in pieces(told, _PIECE):
            for name, subject, value in piece:
                values.setdefault(name, {})[subject] = value
            yield
        items = []
        for metric in wanted:
            items.append(_row(metric, values.get(metric.name, {})))
            yield
        return items

    told = metrics.values()
    return Answer(value={"second": second, "items": await by_turns(gather(), time.monotonic)})


async def get_history(context: Context, call: Call) -> Answer:
    """Answer with the course of one metric, of one subject or of all there are now."""
    metrics = metrics_of(context)
    metric = _metric(call.query.get("metric", ""))
    range_s = call.count("range", DEFAULT_RANGE_S, 1, SPAN_S)
    finest = STEPS_S[1] if metric.about == "instance" else STEPS_S[0]
    step_s = call.count("step", _step_for(range_s, finest), finest, STEPS_S[-1])
    if step_s not in STEPS_S:
        raise Invalid(f"step={step_s} is none of {', '.join(map(str, STEPS_S))} (seconds)")
    subjects = _subjects(metrics, metric, call)
    rows = range_s // step_s + 1
    if len(subjects) * rows > MOST_POINTS:
        raise Invalid(
            f"{len(subjects)} subjects of {rows} points each are more than {MOST_POINTS} points; "
            "name one (subject=), look back less far (range=) or in longer steps (step=)"
        )

    def course(subject: str) -> tuple[float, list[Point]]:
        return context.wall(), metrics.history(metric.name, subject, range_s, step_s)

    items = await by_turns(_courses(subjects, course), time.monotonic)
    return Answer(
        value={
            "metric": metric.name,
            "unit": metric.unit,
            "step_s": step_s,
            "items": items,
        }
    )


def _courses(
    subjects: Iterable[str], course: Callable[[str], tuple[float, list[Point]]]
) -> Work[list[dict[str, Any]]]:
    """Return the points of each subject; `course` returns the present time and what there is."""
    items = []
    for subject in subjects:
        now, found = course(subject)
        points: list[dict[str, Any]] = []
        for piece in pieces(found, _PIECE):
            points += [
                {"at": _time(now - ago_s), "value": round(value, _DIGITS)} for ago_s, value in piece
            ]
            yield
        items.append({"subject": subject, "points": points})
        yield
    return items


async def _listed(
    items: Iterable[_T], read: Callable[[_T], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return what is read of each; there may be many thousands, and the loop has more to do."""

    def work() -> Work[list[dict[str, Any]]]:
        found: list[dict[str, Any]] = []
        for piece in pieces(items, _PIECE):
            found += map(read, piece)
            yield
        return found

    return await by_turns(work(), time.monotonic)


def metrics_of(context: Context) -> ClusterMetrics:
    """Return what is measured; raise Unavailable where nothing is."""
    if context.metrics is None:
        raise Unavailable("this node measures nothing")
    return context.metrics


def _metric(name: str) -> Metric:
    if name not in CATALOGUE:
        guess = did_you_mean(name, CATALOGUE)
        raise NotFound(
            f"there is no metric {name!r:.80}{guess}; GET metrics/catalogue has them all"
        )
    return CATALOGUE[name]


def _subjects(metrics: ClusterMetrics, metric: Metric, call: Call) -> list[str]:
    if "subject" in call.query:
        return [call.query["subject"]]
    return sorted(subject for subject, _ in metrics.series(metric.name))


def _step_for(range_s: int, finest: int) -> int:
    """Return the step that gives some 360 to 720 points, or fewer."""
    return max(finest, next((step for step in STEPS_S if range_s <= 720 * step), STEPS_S[-1]))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _row(metric: Metric, values: Mapping[str, float]) -> dict[str, Any]:
    return {
        **asdict(metric),
        "values": [
            {"subject": subject, "value": round(values[subject], _DIGITS)}
            for subject in sorted(values)
        ],
    }


def _node(figures: NodeFigures) -> dict[str, Any]:
    plain: dict[str, Any] = _plain(figures.sample)
    for name in ("instances", "slices", "covered_s"):
        del plain[name]
    return {**plain, "instances": figures.hosted, "age_s": round(figures.age_s, 3)}


def _slice(load: SliceLoad) -> dict[str, Any]:
    plain = _plain(load)
    return {"slice": plain.pop("base"), **plain}


def _instance(one: InstanceFigures) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _OF_INSTANCE}


def _plain(figures: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a struct that travels as an array, figures rounded, by name."""
    return dict(_rounded(msgspec.structs.asdict(figures).items()))


def _rounded(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    for name, value in items:
        yield name, round(value, _DIGITS) if isinstance(value, float) else value


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("metrics"), name="metric.get", handler=get_metrics,
        answers="`nodes`: machine and node process; `slices`: rate, errors, latencies, CPU, memory "
        "over all nodes; `second`: grows with each aggregate; `age_s`: of the last one",
        query={"instances": "`true`: also CPU, memory and requests in flight of every instance"},
    ),
    Endpoint(
        method="GET", path=v1("metrics/catalogue"), name="metric.list", handler=get_catalogue,
        answers="`items`: every metric with unit, kind, meaning, and its `values` by subject now",
        query={"metric": "only this one"},
    ),
    Endpoint(
        method="GET", path=v1("metrics/history"), name="metric.history", handler=get_history,
        answers="`items`: for each subject the `points` of the range, the oldest first; holes are left "
        "out. Kept in memory by the node that answers, since it started",
        query={
            "metric": "name of a metric, as `slice.rate`",
            "subject": "node, `group:name` or instance; all there are now when left out",
            "range": "seconds to look back, 1 to 7200; 600 when left out",
            "step": "1, 10 or 60 seconds; for instances 10 or 60; by the range when left out",
        },
    ),
)  # fmt: skip
