"""One call as a handler sees it: parameters named, limits checked, nothing of HTTP left."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from aether.api.problems import Malformed
from aether.api.readings import Readings
from aether.api.rehearsals import Rehearsals
from aether.chronicle.chronicle import Chronicle
from aether.chronicle.event_feed import EventFeed
from aether.config.guess import did_you_mean
from aether.core.model.alert_records import WebhookRecord
from aether.core.model.ids import Artifact, NodeId, SliceBase, parse_node_id, parse_slice_base
from aether.core.model.plan import Plan
from aether.core.model.reason import Reason
from aether.core.model.records import ArtifactRecord
from aether.core.model.store_records import BackupRecord
from aether.core.store.commands import Consistency
from aether.errors import Invalid
from aether.forecast.telling import ForecastDesk
from aether.ports import Backups, Group, LeaderLink, Store
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.traces import NodeTraces
from aether.telemetry.traffic import NodeTraffic

FORWARDED = "x-aether-forwarded"
"""Header that names the node a call was forwarded by: it is not forwarded again."""
ACTOR = "api:anonymous"
"""Who changes things while API keys do not exist."""
MAX_LIMIT = 1000
DEFAULT_LIMIT = 100

_M = TypeVar("_M", bound=BaseModel)
_V = TypeVar("_V")


class Intake(Protocol):
    """What takes a pushed wheel into the cluster."""

    async def accept(
        self, wheel: bytes, filename: str, expected_digest: str | None
    ) -> ArtifactRecord:
        """Check, store, replicate and record the wheel; see `aether.artifacts.intake`."""
        ...


class RouterProcesses(Protocol):
    """The router processes of this node; `aether.node.routers` has them."""

    async def restart(self) -> list[dict[str, Any]]:
        """Replace each by a new one; raise Unavailable where the one before has to serve on."""
        ...

    async def health(self) -> list[dict[str, Any]]:
        """Return how each says it is."""
        ...


class WebhookTeller(Protocol):
    """What tells webhooks of events while this node leads; `aether.control.webhooks` has it."""

    def state(self, name: str) -> Mapping[str, object]:
        """Return how deliveries to one go; nothing on a node that does not lead."""
        ...

    async def try_out(self, name: str, record: WebhookRecord) -> int:
        """Send it an event that never happened; return the status of the answer."""
        ...


class Scaler(Protocol):
    """The leader's scaling as it tells of itself; `aether.control.scaling_telling` has it."""

    def status(self) -> dict[str, Any]:
        """Return how each slice stands as it was looked at last, and how many nodes load asks for."""
        ...

    async def evaluate(self) -> dict[str, Any]:
        """Return what would be decided now about each slice, with all of its reason."""
        ...

    def config(self, base: SliceBase | None) -> list[dict[str, Any]]:
        """Return the settings of scaling in force: of every slice, or of one."""
        ...

    def decisions(self, base: SliceBase | None, limit: int) -> list[dict[str, Any]]:
        """Return the last decisions, the newest first, each made again from its inputs; for a thread."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the handlers work with."""

    node: NodeId
    store: Store
    group: Group
    backups: Backups
    note_backup: Callable[[BackupRecord], None] = lambda _: None
    """Takes what became of a backup."""
    link: LeaderLink
    """The way to any other node."""
    intake: Intake
    readiness: Callable[[], Sequence[str]]
    version: str
    wall: Callable[[], float] = time.time
    """Seconds since 1970: when people did something; nothing is decided by it."""
    blueprint_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a blueprint is changed through this node."""
    readings: Readings = field(default_factory=Readings)
    """Where long texts are read."""
    traces: NodeTraces | None = None
    """The traces this node keeps; None where none are."""
    rehearsals: Rehearsals = field(default_factory=Rehearsals)
    """Where plans are made."""
    waiting: Callable[[], Sequence[str]] = tuple
    """What the last plan of this node, while it leads, left undone and why, in sentences."""
    last_plan: Callable[[], Plan] = Plan
    """What this node decided when it looked last, while it leads."""
    evaluate: Callable[[], Plan] = Plan
    """What this node would do now if it leads, and what would wait; nothing is done."""
    chronicle: Chronicle | None = None
    """What was decided on this cluster and why; None where nothing is recorded."""
    traffic: NodeTraffic | None = None
    """What this node's routers count; None where nobody counts."""
    metrics: ClusterMetrics | None = None
    """What is measured of the whole cluster; None where nothing is."""
    scaling: Scaler | None = None
    """The leader's scaling; None where nothing is measured."""
    forecast: ForecastDesk | None = None
    """Forecasts of traffic; None where nothing is measured."""
    routers: RouterProcesses | None = None
    """The router processes of this node; None where there are none."""
    events: EventFeed | None = None
    """What happened on this cluster, in order; None where nothing is recorded."""
    webhooks: WebhookTeller | None = None
    """Who tells webhooks; None where nobody does."""
    certificates: Sequence[str] = ()
    """Files of the certificates this node shows."""
    exposition: Exposition | None = None
    """What this node tells monitoring systems; None where it tells them nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: `params` from the path, `query` from the query string, both decoded."""

    rule: str
    """Name of the change in its reason: `api.kv.put`."""
    request_id: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    actor: str = ACTOR

    def slice_base(self, name: str) -> SliceBase:
        """Return a `group:name` of the path; raise Invalid when it is none."""
        return _checked(parse_slice_base, self.params[name])

    def node_id(self, name: str) -> NodeId:
        """Return a node id of the path; raise Invalid when it is none."""
        return _checked(parse_node_id, self.params[name])

    def flag(self, name: str) -> bool:
        """Return a query parameter that is true or false; absent means false."""
        value = self.query.get(name, "false").lower()
        if value not in ("true", "false", "1", "0", ""):
            raise Invalid(f"{name}={value!r} is neither true nor false")
        return value in ("true", "1", "")

    def count(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number of the query within its bounds."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not low <= int(text[:20]) <= high:
            raise Invalid(f"{name}={text!r} is not a whole number from {low} to {high}")
        return int(text)

    @property
    def limit(self) -> int:
        """Most items the caller wants in one answer."""
        return self.count("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)

    @property
    def consistency(self) -> Consistency:
        """How fresh a read must be."""
        text = self.query.get("consistency", Consistency.LINEARIZABLE)
        try:
            return Consistency(text)
        except ValueError as problem:
            known = " or ".join(Consistency)
            raise Invalid(f"consistency={text!r} is unknown: say {known}") from problem

    @property
    def is_json(self) -> bool:
        """Whether the body says it is JSON."""
        return self.headers.get("content-type", "").partition(";")[0].strip() == "application/json"

    def json(self, model: type[_M]) -> _M:
        """Return the body as `model`; raise Malformed or Invalid with every problem."""
        try:
            values: Any = msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
            raise Malformed(f"the body is not JSON: {problem}") from problem
        try:
            return model.model_validate(values)
        except ValidationError as found:
            problems = [
                f"{'.'.join(str(part) for part in error['loc']) or 'body'}: {_said(error, model)}"
                for error in found.errors()
            ]
            raise Invalid("; ".join(problems), fields={"problems": problems}) from found

    def reason(self, text: str, **inputs: str) -> Reason:
        """Return the reason of a change made by this call."""
        return Reason(self.actor, self.rule, text, {"request": self.request_id, **inputs})


def _said(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    match error["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return f"unknown key{did_you_mean(str(error['loc'][-1]), model.model_fields)}"
        case "model_type":
            return f"should be an object with {', '.join(model.model_fields)}"
    return f"{error['msg'].removeprefix('Input ')}, got {error['input']!r:.60}"


def _checked(parse: Callable[[str], _V], text: str) -> _V:
    try:
        return parse(text)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem


def artifact_of(text: str) -> Artifact:
    """Return `text` as artifact coordinates; raise Invalid when it is none."""
    return _checked(Artifact, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler answers: a value to be written as JSON, a text as it is, or a stream of bytes."""

    value: object
    status: int = 200
    stream: AsyncGenerator[bytes, None] | None = None
    stream_type: str = "application/octet-stream"
    text: bytes | None = None
    """Goes out instead of `value`, with `headers` that tell what it is."""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Context, Call], Awaitable[Answer]]
Sift = Callable[[Context, Call], Awaitable[None]]
"""Raises what the leader would answer a hopeless call with; returns when only the leader can tell."""
