"""The tables of a blueprint and their keys: what may stand where, its type, its range, its meaning.

Rules for this file: every key has a description, which is its line in the reference; what this
version reads but does not keep stands in `blueprint_unkept` as well.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from aether.config.blueprint_values import (
    Affinity,
    ArtifactName,
    Group,
    Hold,
    Label,
    Memory,
    Secret,
    Timeout,
)
from aether.config.crosscheck import MAX_INSTANCES
from aether.config.places import Path
from aether.core.control.admission import MAX_SLICES
from aether.core.model.scaling import MAX_CAPACITY_RPS, MAX_UTILISATION, MIN_UTILISATION

DEFAULT_MAX_INSTANCES = 100
"""Upper bound of a slice that names none and starts with fewer."""
MAX_STAGES = 20
"""Most stages of a roll-out."""
MAX_PIDS = 100_000
MAX_IN_FLIGHT = 100_000
MAX_CPU = 1024.0
MAX_LABELS = 16
"""Most labels a placement may require."""


class _Table(BaseModel):
    """Base of every table: closed, and without conversions between types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class PlacementTable(_Table):
    """Where instances of a slice may and should be."""

    spread: Literal["node", "zone"] = Field(
        default="node",
        description="what instances are evened out over first; the zone of a node is its label "
        "`zone`, nodes without one are one zone",
    )
    require: dict[Label, Label] = Field(
        default_factory=dict,
        max_length=MAX_LABELS,
        description="labels a node must have, with these values; no such node, no instance",
    )


class LimitsTable(_Table):
    """What one instance may use."""

    memory: Memory | None = Field(default=None, description='memory, as `"256MiB"` or bytes')
    cpu: float | None = Field(
        default=None, gt=0, le=MAX_CPU, allow_inf_nan=False, description="processors, as `0.5`"
    )
    pids: int | None = Field(
        default=None, ge=1, le=MAX_PIDS, description="processes and threads together"
    )


class UpdateTable(_Table):
    """How one slice goes from one version to the next, where it differs from `[deployment]`."""

    strategy: Literal["immediate", "rolling"] | None = Field(
        default=None, description="as in `[deployment]`, for this slice"
    )
    max_surge: int | None = Field(
        default=None, ge=1, le=MAX_INSTANCES, description="as in `[deployment]`, for this slice"
    )


class ScalingTable(_Table):
    """How load changes the number of instances, between the bounds the slice names."""

    enabled: bool = Field(
        default=True,
        description="whether load changes the number; a slice that names neither `min_instances` nor "
        "`max_instances` is never scaled",
    )
    target_utilisation: float | None = Field(
        default=None,
        ge=MIN_UTILISATION,
        le=MAX_UTILISATION,
        description="part of its capacity an instance is to be used at; the setting "
        "`scaling.target_utilisation` when left out",
    )
    capacity_rps: float | None = Field(
        default=None,
        gt=0,
        le=MAX_CAPACITY_RPS,
        allow_inf_nan=False,
        description="requests a second one instance answers at full use; measured when left out",
    )


class SliceTable(_Table):
    """What to run: one table for each slice."""

    artifact: ArtifactName = Field(
        description="what to run: `group:name:version` of a pushed artifact"
    )
    instances: int = Field(
        default=1, ge=1, le=MAX_INSTANCES, description="instances wanted when first applied"
    )
    min_instances: int = Field(
        default=1, ge=1, le=MAX_INSTANCES, description="scaling never goes below this"
    )
    max_instances: int | None = Field(
        default=None,
        ge=1,
        le=MAX_INSTANCES,
        description="scaling never goes above this; "
        f"{DEFAULT_MAX_INSTANCES}, or `instances` when that is more",
    )
    min_available: int | None = Field(
        default=None,
        ge=0,
        le=MAX_INSTANCES,
        description="disruption budget: no drain, move, update or scale-in leaves fewer instances "
        "serving; half of those wanted, rounded up, when left out; at most `instances`",
    )
    placement: PlacementTable = Field(
        default_factory=PlacementTable, description="where instances go: `[slices.placement]`"
    )
    update: UpdateTable = Field(
        default_factory=UpdateTable, description="exceptions from `[deployment]`: `[slices.update]`"
    )
    on_dependency_loss: Literal["cascade", "degrade", "block"] = Field(
        default="block",
        description="when a slice it requires has gone: `cascade` stops serving until it is back, "
        "`degrade` serves on and says so, `block` does the same and refuses the removal of the other",
    )
    timeout: Timeout | None = Field(
        default=None,
        description='time-out of every route of the slice: `"500ms"`, `"5s"` or seconds; '
        "the route's own when left out",
    )
    isolation: Literal["dev", "standard", "hardened"] = Field(
        default="standard",
        description="`dev` and `standard`: each instance is a process of its own; "
        "`hardened`: see below",
    )
    load_balancing: Literal["round_robin", "least_pending", "random"] = Field(
        default="round_robin",
        description="how a router picks among the instances of the slice: in turns, of two drawn at "
        "random the one with fewer requests in flight, or at random",
    )
    max_in_flight: int | None = Field(
        default=None,
        ge=1,
        le=MAX_IN_FLIGHT,
        description="requests in flight that one instance takes from one router; when all have as "
        "many, the next is answered 503; no limit when left out",
    )
    slow_start: Timeout | None = Field(
        default=None,
        description='time in which a new instance comes to its full share of the requests: `"30s"`; '
        "at once when left out",
    )
    scaling: ScalingTable = Field(
        default_factory=ScalingTable,
        description="how load changes the number of instances: `[slices.scaling]`",
    )
    group: Group | None = Field(
        default=None, description="slices of one group share a host process"
    )
    limits: LimitsTable | None = Field(
        default=None, description="what one instance may use: `[slices.limits]`"
    )
    affinity_key: Affinity | None = Field(
        default=None,
        description="requests with the same value go to the same instance: `header:NAME`, "
        "`cookie:NAME` or `path:PARAMETER`",
    )


class StageTable(_Table):
    """One `[[deployment.stages]]` table."""

    weight: int = Field(ge=1, le=100, description="part of the traffic for the new version, in %")
    hold: Hold = Field(description='how long it is watched before the next stage: `"1m"`')


class DeploymentTable(_Table):
    """How slices go from one version to the next."""

    strategy: Literal["immediate", "rolling", "canary", "blue_green"] = Field(
        default="rolling",
        description="`rolling`: at most `max_surge` new instances at a time, an old one ends when a "
        "new one serves; `immediate`: all new instances at once; `canary`, `blue_green`: see below",
    )
    max_surge: int | None = Field(
        default=None,
        ge=1,
        le=MAX_INSTANCES,
        description="instances beyond those wanted while rolling; a quarter of them, at least 1, "
        "when left out",
    )
    max_error_rate: float | None = Field(
        default=None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="part of the answers of the new version that may be errors, as `0.01`",
    )
    max_latency_p99: Timeout | None = Field(
        default=None, description='latency that 99 % of its answers must keep: `"500ms"`'
    )
    stages: list[StageTable] = Field(
        default_factory=list,
        max_length=MAX_STAGES,
        description="steps of a canary: `[[deployment.stages]]`, weights rising",
    )


class BlueprintTable(_Table):
    """The whole document."""

    id: ArtifactName = Field(description="coordinates of the blueprint: `group:name:version`")
    slices: list[SliceTable] = Field(
        min_length=1, max_length=MAX_SLICES, description="what to run, one table a slice"
    )
    deployment: DeploymentTable = Field(
        default_factory=DeploymentTable, description="how versions change: `[deployment]`"
    )
    config: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description='settings by slice: `[config."group:name"]`; handed to the slice as they are',
    )
    secrets: dict[str, dict[str, Secret]] = Field(
        default_factory=dict,
        description='secrets by slice: `[secrets."group:name"]`, `NAME = "secret:PATH"`',
    )


TABLES: Mapping[Path, type[BaseModel]] = {
    (): BlueprintTable,
    ("slices",): SliceTable,
    ("slices", "placement"): PlacementTable,
    ("slices", "update"): UpdateTable,
    ("slices", "limits"): LimitsTable,
    ("slices", "scaling"): ScalingTable,
    ("deployment",): DeploymentTable,
    ("deployment", "stages"): StageTable,
}
"""Every table with a fixed set of keys, by its path without positions."""
