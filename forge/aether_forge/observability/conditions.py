"""What each built-in alert of Aether is in terms of the series it exports, and what makes it fire.

Bounds, durations, words and runbooks are those of `aether.core.alerts.thresholds`: a cluster and the
Prometheus that watches it speak of the same alerts.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Input:
    """A series of a test of rules: its values while all is well, and while it is not."""

    series: str
    well: float
    warning: float
    critical: float


@dataclass(frozen=True, slots=True)
class Condition:
    """The value of one alert as a query, and series that bring it about."""

    query: str
    inputs: tuple[Input, ...]
    labels: Mapping[str, str]
    """Labels of the alert in its test."""


_TARGET = 'job="aether",instance="node-1"'
_NODE = {"job": "aether", "instance": "node-1"}
_SLICE = {**_NODE, "slice": "a:b"}
_MEMBER = {**_NODE, "member": "node-2"}


def _input(name: str, labels: str, well: float, warning: float, critical: float = 0.0) -> Input:
    inner = f"{_TARGET},{labels}" if labels else _TARGET
    return Input(f"{name}{{{inner}}}", well, warning, critical or warning)


def _ratio(used: str, size: str, *, warning: float, critical: float) -> tuple[Input, ...]:
    return (_input(used, "", 10, warning, critical), _input(size, "", 100, 100))


CONDITIONS: Mapping[str, Condition] = {
    "node.cpu": Condition(
        "aether_node_processor_ratio",
        (_input("aether_node_processor_ratio", "", 0.2, 0.93, 0.99),),
        _NODE,
    ),
    "node.memory": Condition(
        "aether_node_memory_used_bytes / aether_node_memory_size_bytes",
        _ratio(
            "aether_node_memory_used_bytes",
            "aether_node_memory_size_bytes",
            warning=93,
            critical=99,
        ),
        _NODE,
    ),
    "node.disk": Condition(
        "aether_node_disk_used_bytes / aether_node_disk_size_bytes",
        _ratio(
            "aether_node_disk_used_bytes", "aether_node_disk_size_bytes", warning=90, critical=99
        ),
        _NODE,
    ),
    "node.loop_lag": Condition(
        "aether_node_loop_lag_seconds",
        (_input("aether_node_loop_lag_seconds", "", 0.002, 0.5, 2),),
        _NODE,
    ),
    "node.fds": Condition(
        'aether_process_open_files{process="node"} / on (job, instance) aether_node_open_files_limit',
        (
            _input("aether_process_open_files", 'process="node"', 10, 85, 97),
            _input("aether_node_open_files_limit", "", 100, 100),
        ),
        _NODE,
    ),
    "node.silent": Condition(
        'max without (verdict) ((aether_cluster_nodes{verdict="SUSPECT"} > bool 0) '
        'or 2 * (aether_cluster_nodes{verdict="LOST"} > bool 0))',
        (
            Input(f'aether_cluster_nodes{{{_TARGET},verdict="SUSPECT"}}', 0, 1, 0),
            Input(f'aether_cluster_nodes{{{_TARGET},verdict="LOST"}}', 0, 0, 1),
        ),
        _NODE,
    ),
    "node.condition": Condition(
        'max without (condition) (aether_store_condition{condition="recovering"} '
        'or 2 * aether_store_condition{condition!~"ok|recovering"})',
        (
            Input(f'aether_store_condition{{{_TARGET},condition="recovering"}}', 0, 1, 0),
            Input(f'aether_store_condition{{{_TARGET},condition="disk_full"}}', 0, 0, 1),
        ),
        _NODE,
    ),
    "member.lag": Condition(
        "aether_store_member_lag_entries",
        (_input("aether_store_member_lag_entries", 'member="node-2"', 0, 6000, 200_000),),
        _MEMBER,
    ),
    "member.silent": Condition(
        "aether_store_member_silence_seconds",
        (_input("aether_store_member_silence_seconds", 'member="node-2"', 0.1, 10, 60),),
        _MEMBER,
    ),
    "cluster.quorum": Condition(
        "1 - clamp_min(aether_store_quorum_margin, 0) / floor((aether_store_voters - 1) / 2)",
        (
            Input(f"aether_store_quorum_margin{{{_TARGET}}}", 2, 1, 0),
            Input(f"aether_store_voters{{{_TARGET}}}", 5, 5, 5),
        ),
        _NODE,
    ),
    "cluster.unreadable": Condition(
        "aether_cluster_unreadable_records",
        (_input("aether_cluster_unreadable_records", "", 0, 1),),
        _NODE,
    ),
    "slice.down": Condition(
        "(aether_slice_wanted_instances > bool 0) * (aether_slice_active_instances == bool 0)",
        (
            _input("aether_slice_wanted_instances", 'slice="a:b"', 2, 2),
            Input(f'aether_slice_active_instances{{{_TARGET},slice="a:b"}}', 2, 0, 0),
        ),
        _SLICE,
    ),
    "slice.short": Condition(
        "clamp_min(aether_slice_wanted_instances - aether_slice_active_instances, 0)",
        (
            _input("aether_slice_wanted_instances", 'slice="a:b"', 2, 2),
            _input("aether_slice_active_instances", 'slice="a:b"', 2, 1),
        ),
        _SLICE,
    ),
    "slice.failing": Condition(
        'aether_node_instances{phase="FAILED"}',
        (_input("aether_node_instances", 'phase="FAILED"', 0, 1),),
        {**_NODE, "phase": "FAILED"},
    ),
    "slice.error_share": Condition(
        "aether_slice_error_ratio",
        (_input("aether_slice_error_ratio", 'slice="a:b"', 0.0, 0.1, 0.5),),
        _SLICE,
    ),
    "slice.cpu": Condition(
        "aether_slice_processor_cores",
        (_input("aether_slice_processor_cores", 'slice="a:b"', 0.1, 0.95),),
        _SLICE,
    ),
}
"""By the metric of the built-in alert."""
