"""By which figures a slice is scaled now: set at run time, said by its blueprint, or the defaults."""

from dataclasses import replace
from functools import lru_cache

from aether.config.runtime_settings import SETTINGS
from aether.config.scaling_rows import (
    ADVICE_HOLD,
    ENABLED,
    FORECAST,
    HOLD,
    MANUAL_PAUSE,
    NODE_IDLE,
    NODES,
    ON,
    RULES,
    SCALING,
    TARGET_UTILISATION,
)
from aether.core.control.overrides import CLUSTER, InForce, in_force, in_force_for, of_slice
from aether.core.model.ids import SliceBase
from aether.core.model.view import ClusterView
from aether.core.scaling.forecast import Mode
from aether.core.scaling.settings import DEFAULTS, ScalingSettings

SCALED = frozenset(setting.name for setting in SCALING)
"""Names of the settings of scaling."""
MOST_USE = 0.99
"""Utilisation at which instances are added at the latest, whatever is set."""


def for_slice(view: ClusterView, base: SliceBase, name: str) -> InForce:
    """Return one setting as it counts for a slice; it need not exist."""
    return in_force_for(SETTINGS[name], view.config, base, _said(view, base, name))


def _said(view: ClusterView, base: SliceBase, name: str) -> InForce:
    """Return what the blueprint says of a setting, or the default."""
    target = view.targets.get(base)
    scaling = target.scaling if target is not None else None
    if name == TARGET_UTILISATION and scaling is not None and scaling.target_utilisation:
        return InForce(scaling.target_utilisation, "blueprint")
    return InForce(SETTINGS[name].default, "default")


def scaling_settings(view: ClusterView, base: SliceBase) -> ScalingSettings:
    """Return the rules' settings for a slice; a utilisation that somebody has said is not learnt over."""
    if not _is_changed(view, base):
        return _as_said(_said(view, base, TARGET_UTILISATION))
    said = {name: for_slice(view, base, name) for name in (*RULES, FORECAST)}
    found = replace(
        DEFAULTS,
        mode=Mode(said[FORECAST].value),
        holds=said[HOLD].origin != "default",
        learns=DEFAULTS.learns and said[TARGET_UTILISATION].origin == "default",
        **{field: said[name].value for name, field in RULES.items()},
    )
    # Each may be set alone: together they must leave something to add instances for.
    return replace(found, dead_band=min(found.dead_band, MOST_USE - found.target_utilisation))


def _is_changed(view: ClusterView, base: SliceBase) -> bool:
    """Whether a setting of scaling was changed at run time for the slice, or for the cluster."""
    scopes = view.once(_changed_scopes)
    return bool(scopes) and (CLUSTER in scopes or of_slice(base) in scopes)


def _changed_scopes(view: ClusterView) -> frozenset[str]:
    return frozenset(scope for scope, name in view.config if name in SCALED)


@lru_cache(maxsize=256)
def _as_said(utilisation: InForce) -> ScalingSettings:
    """Return the settings of a slice for which at most its blueprint says something."""
    value = utilisation.value
    return replace(
        DEFAULTS,
        target_utilisation=value,
        learns=DEFAULTS.learns and utilisation.origin == "default",
        dead_band=min(DEFAULTS.dead_band, MOST_USE - value),
    )


def is_enabled(view: ClusterView, base: SliceBase) -> bool:
    """Whether the slice may be scaled, as far as settings go; off for the cluster is off for all."""
    if not _is_changed(view, base):
        return True
    return _of_cluster(view, ENABLED) == ON and for_slice(view, base, ENABLED).value == ON


def manual_pause_s(view: ClusterView, base: SliceBase) -> float:
    """Time a number of instances that a person has set is let be."""
    return float(for_slice(view, base, MANUAL_PAUSE).value)


def advice_hold_s(view: ClusterView, base: SliceBase) -> float:
    """Time in which no fewer instances are kept than an advisor asked for last."""
    return float(for_slice(view, base, ADVICE_HOLD).value)


def scales_nodes(view: ClusterView) -> bool:
    """Whether load asks for nodes and gives them back."""
    return _of_cluster(view, NODES) == ON


def node_idle_s(view: ClusterView) -> float:
    """Time a node asked for because of load must not have been needed before it is given back."""
    return float(_of_cluster(view, NODE_IDLE))


def _of_cluster(view: ClusterView, name: str) -> float | int | str:
    setting = SETTINGS[name]
    value: float | int | str = in_force(
        setting, view.config, None, InForce(setting.default, "default")
    ).value
    return value
