"""What the dashboards show: queries over the exported series, each with the words under its line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One graph."""

    title: str
    unit: str
    """As Grafana names units: `s`, `bytes`, `percentunit`, `reqps`, `short`."""
    queries: tuple[tuple[str, str], ...]
    """Query and legend."""
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One page of graphs."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    by_slice: bool = False
    """Whether the reader picks slices; queries then say `slice=~"$slice"`."""


def _panel(title: str, unit: str, *queries: tuple[str, str], about: str = "") -> Panel:
    return Panel(title=title, unit=unit, queries=queries, about=about)


def _rate(name: str, by: str, where: str = 'slice=~"$slice"') -> str:
    return f"sum by ({by}) (rate({name}{{{where}}}[$__rate_interval]))"


def _quantile(share: float, by: str) -> str:
    rates = _rate("aether_router_request_duration_seconds_bucket", f"le, {by}")
    return f"histogram_quantile({share:g}, {rates})"


_FAILED = 'slice=~"$slice",status=~"5xx|unanswered"'
_REQUESTS = "aether_router_requests_total"

CLUSTER = Dashboard(
    name="cluster",
    title="Aether: the cluster",
    panels=(
        _panel("Nodes", "short", ("sum by (verdict) (aether_cluster_nodes)", "{{verdict}}")),
        _panel(
            "Voters that may fail",
            "short",
            ("max by (job) (aether_store_quorum_margin)", "margin"),
            ("max by (job) (aether_store_voters_answering)", "answering"),
            ("max by (job) (aether_store_voters)", "voters"),
            about="Below one, the next failure ends all writing.",
        ),
        _panel(
            "Instances wanted and active",
            "short",
            ("sum by (job) (aether_slice_wanted_instances)", "wanted"),
            ("sum by (job) (aether_slice_active_instances)", "active"),
            ("sum by (job) (aether_slice_least_instances)", "at least"),
        ),
        _panel("Blueprints", "short", ("sum by (state) (aether_cluster_blueprints)", "{{state}}")),
        _panel(
            "Who leads",
            "short",
            ("aether_store_is_leader", "{{instance}}"),
            ("max by (job) (aether_controller_epoch)", "reign"),
        ),
        _panel(
            "Left undone by the leader",
            "short",
            ("max by (job) (aether_controller_waiting)", "waits"),
        ),
        _panel(
            "Entries a member is behind",
            "short",
            ("aether_store_member_lag_entries", "{{member}}"),
        ),
        _panel("Silence of members", "s", ("aether_store_member_silence_seconds", "{{member}}")),
        _panel(
            "Writes",
            "ops",
            ("max by (job) (rate(aether_store_commit_index[$__rate_interval]))", "entries"),
            ("max by (job) (rate(aether_store_revision[$__rate_interval]))", "revisions"),
        ),
        _panel(
            "Conditions of members",
            "short",
            ("aether_store_condition == 1", "{{instance}} {{condition}}"),
        ),
        _panel(
            "Log",
            "short",
            ("aether_store_log_entries", "{{instance}} entries kept"),
            ("aether_store_last_index - aether_store_applied_index", "{{instance}} not applied"),
        ),
        _panel(
            "Nodes that are ready",
            "short",
            ("sum by (job) (aether_node_ready)", "ready"),
            ("max by (job) (aether_cluster_measured_nodes)", "measured"),
            ("sum by (job) (aether_store_has_leader)", "know a leader"),
            ("count by (version) (aether_node_info)", "version {{version}}"),
        ),
        _panel(
            "Terms and snapshots",
            "short",
            ("aether_store_term", "{{instance}} term"),
            (
                "aether_store_last_index - aether_store_snapshot_index",
                "{{instance}} since a snapshot",
            ),
        ),
        _panel(
            "Alerts",
            "short",
            ("sum by (severity) (aether_alerts)", "{{severity}}"),
            ("aether_alert_active", "{{severity}}: {{metric}} {{subject}}"),
            ("max by (job) (aether_alert_silences)", "silences"),
        ),
        _panel(
            "Calls of the management API",
            "reqps",
            (
                "sum by (call, status) (rate(aether_api_calls_total[$__rate_interval]))",
                "{{call}} {{status}}",
            ),
        ),
        _panel(
            "Time of those calls",
            "s",
            (
                "sum by (call) (rate(aether_api_call_seconds_total[$__rate_interval])) / "
                "sum by (call) (rate(aether_api_calls_total[$__rate_interval]))",
                "{{call}}",
            ),
        ),
        _panel(
            "Age of measurements",
            "s",
            ("aether_cluster_measurement_age_seconds", "{{instance}}"),
            about="How long ago each node heard the measurements of all.",
        ),
        _panel(
            "Routes, artifacts, unreadable records",
            "short",
            ("max by (job) (aether_cluster_routes)", "routes"),
            ("max by (job) (aether_cluster_artifacts)", "artifacts"),
            ("max by (job) (aether_cluster_unreadable_records)", "unreadable"),
        ),
    ),
)

SLICES = Dashboard(
    name="slices",
    title="Aether: slices and their traffic",
    by_slice=True,
    panels=(
        _panel("Requests", "reqps", (_rate(_REQUESTS, "slice"), "{{slice}}")),
        _panel(
            "Requests in the last second",
            "reqps",
            ('aether_slice_requests_per_second{slice=~"$slice"}', "{{slice}}"),
            ('aether_slice_retries_per_second{slice=~"$slice"}', "{{slice}}, made again"),
        ),
        _panel("Requests by status", "reqps", (_rate(_REQUESTS, "status"), "{{status}}")),
        _panel(
            "Share that failed",
            "percentunit",
            (
                f"{_rate(_REQUESTS, 'slice', _FAILED)} / ({_rate(_REQUESTS, 'slice')} > 0)",
                "{{slice}}",
            ),
            ('aether_slice_error_ratio{slice=~"$slice"}', "{{slice}}, last 10 s"),
        ),
        _panel(
            "Latency",
            "s",
            (_quantile(0.5, "slice"), "{{slice}} p50"),
            (_quantile(0.99, "slice"), "{{slice}} p99"),
        ),
        _panel(
            "Latency of the last 10 s",
            "s",
            ('aether_slice_latency_seconds{slice=~"$slice"}', "{{slice}} {{share}}"),
            about="Within 3.2 %, from the fine histograms; the graph beside it from 20 buckets.",
        ),
        _panel(
            "Latency by route, p99",
            "s",
            (_quantile(0.99, "route, version"), "{{route}} {{version}}"),
        ),
        _panel(
            "Requests by version",
            "reqps",
            (_rate(_REQUESTS, "slice, version"), "{{slice}} {{version}}"),
        ),
        _panel(
            "Instances",
            "short",
            ('aether_slice_wanted_instances{slice=~"$slice"}', "{{slice}} wanted"),
            ('aether_slice_active_instances{slice=~"$slice"}', "{{slice}} active"),
            ('aether_slice_measured_instances{slice=~"$slice"}', "{{slice}} measured"),
        ),
        _panel(
            "Being answered",
            "short",
            ('aether_slice_requests_in_flight{slice=~"$slice"}', "{{slice}}"),
            (
                'max by (slice) (aether_instance_requests_in_flight{slice=~"$slice"})',
                "{{slice}}, most of an instance",
            ),
            ('aether_slice_concurrency{slice=~"$slice"}', "{{slice}}, mean"),
            (
                'sum by (slice) (aether_router_requests_in_flight{slice=~"$slice"})',
                "{{slice}}, routers",
            ),
        ),
        _panel(
            "Threads and open files",
            "short",
            (
                'max by (slice) (aether_instance_threads{slice=~"$slice"})',
                "{{slice}}, most threads of an instance",
            ),
            (
                'max by (slice) (aether_instance_open_files{slice=~"$slice"})',
                "{{slice}}, most files of an instance",
            ),
        ),
        _panel(
            "Cores an instance uses",
            "short",
            ('aether_slice_processor_cores{slice=~"$slice"}', "{{slice}}, mean"),
            (
                'max by (slice) (aether_instance_processor_cores{slice=~"$slice"})',
                "{{slice}}, most",
            ),
        ),
        _panel(
            "Memory of an instance",
            "bytes",
            ('aether_slice_resident_memory_bytes{slice=~"$slice"}', "{{slice}}, mean"),
            (
                'max by (slice) (aether_instance_resident_memory_bytes{slice=~"$slice"})',
                "{{slice}}, most",
            ),
        ),
        _panel(
            "Attempts made again",
            "reqps",
            (_rate("aether_router_retries_total", "slice"), "{{slice}}"),
        ),
        _panel(
            "Bodies",
            "Bps",
            (_rate("aether_router_request_body_bytes_total", "slice"), "{{slice}} in"),
            (_rate("aether_router_response_body_bytes_total", "slice"), "{{slice}} out"),
        ),
    ),
)

NODES = Dashboard(
    name="nodes",
    title="Aether: nodes and their processes",
    panels=(
        _panel(
            "Processor of the machine",
            "percentunit",
            ("aether_node_processor_ratio", "{{instance}}"),
            (
                "sum by (job) (aether_node_processor_ratio * aether_node_processor_cores) / sum by (job) (aether_node_processor_cores)",
                "all",
            ),
        ),
        _panel(
            "Memory of the machine",
            "percentunit",
            ("aether_node_memory_used_bytes / aether_node_memory_size_bytes", "{{instance}}"),
        ),
        _panel(
            "Disk of the data directory",
            "percentunit",
            ("aether_node_disk_used_bytes / aether_node_disk_size_bytes", "{{instance}}"),
        ),
        _panel(
            "Cores by process",
            "short",
            (
                "rate(aether_process_cpu_seconds_total[$__rate_interval])",
                "{{instance}} {{process}}",
            ),
        ),
        _panel(
            "Memory by process",
            "bytes",
            ("aether_process_resident_memory_bytes", "{{instance}} {{process}}"),
        ),
        _panel(
            "Open files and threads by process",
            "short",
            ("aether_process_open_files", "{{instance}} {{process}}"),
            ("aether_process_threads", "{{instance}} {{process}} threads"),
        ),
        _panel(
            "Age of processes",
            "s",
            ("time() - aether_process_start_time_seconds", "{{instance}} {{process}}"),
            about="A line that falls is a process that was started again.",
        ),
        _panel("Lateness of the event loop", "s", ("aether_node_loop_lag_seconds", "{{instance}}")),
        _panel(
            "Garbage collection",
            "percentunit",
            ("aether_node_garbage_collection_ratio", "{{instance}}"),
        ),
        _panel(
            "Network",
            "Bps",
            ("aether_node_network_received_bytes_per_second", "{{instance}} in"),
            ("aether_node_network_sent_bytes_per_second", "{{instance}} out"),
        ),
        _panel(
            "Instances",
            "short",
            ("sum by (instance, phase) (aether_node_instances)", "{{instance}} {{phase}}"),
        ),
        _panel(
            "Connections of clients",
            "short",
            ("aether_router_clients", "{{instance}} {{router}}"),
            (
                "rate(aether_router_refused_connections_total[$__rate_interval])",
                "{{instance}} {{router}} refused a second",
            ),
            ("rate(aether_router_slow_calls_total[$__rate_interval])", "{{instance}} slow calls"),
            (
                "rate(aether_router_overflowed_requests_total[$__rate_interval])",
                "{{instance}} requests without a series",
            ),
        ),
        _panel(
            "Routing tables",
            "short",
            (
                "aether_store_revision - on (job, instance) group_right () aether_router_table_revision",
                "{{instance}} {{router}} behind",
            ),
        ),
        _panel(
            "Cost of these metrics",
            "short",
            ("rate(aether_exposition_cpu_seconds_total[$__rate_interval])", "{{instance}} cores"),
        ),
        _panel(
            "Traces",
            "short",
            ("aether_traces_kept", "{{instance}} kept"),
            ("rate(aether_spans_total[$__rate_interval])", "{{instance}} spans a second"),
            ("rate(aether_spans_refused_total[$__rate_interval])", "{{instance}} refused"),
            ("rate(aether_spans_dropped_total[$__rate_interval])", "{{instance}} dropped"),
            ("rate(aether_traces_forgotten_total[$__rate_interval])", "{{instance}} forgotten"),
        ),
        _panel(
            "Values not kept in the history",
            "short",
            (
                "rate(aether_history_refused_values_total[$__rate_interval])",
                "{{instance}} a second",
            ),
        ),
        _panel("Memory of traces", "bytes", ("aether_traces_kept_bytes", "{{instance}}")),
        _panel(
            "Sent to a collector",
            "short",
            ("rate(aether_otlp_sent_total[$__rate_interval])", "{{instance}} {{signal}}"),
            (
                "rate(aether_otlp_failures_total[$__rate_interval])",
                "{{instance}} {{signal}} failed",
            ),
            (
                "rate(aether_otlp_dropped_total[$__rate_interval])",
                "{{instance}} {{signal}} dropped",
            ),
            ("aether_otlp_waiting", "{{instance}} {{signal}} waiting"),
            about="Empty unless `otel.endpoint` is set.",
        ),
        _panel("Values told", "short", ("aether_exposition_samples", "{{instance}}")),
    ),
)

SCALING = Dashboard(
    name="scaling",
    title="Aether: scaling and forecasts",
    by_slice=True,
    panels=(
        _panel(
            "Instances",
            "short",
            ('aether_scaling_wanted_instances{slice=~"$slice"}', "{{slice}} the rules want"),
            ('aether_slice_wanted_instances{slice=~"$slice"}', "{{slice}} wanted"),
            ('aether_slice_active_instances{slice=~"$slice"}', "{{slice}} active"),
        ),
        _panel(
            "Use of the capacity",
            "percentunit",
            ('aether_scaling_utilisation_ratio{slice=~"$slice"}', "{{slice}}"),
        ),
        _panel(
            "Capacity of an instance",
            "reqps",
            ('aether_scaling_capacity_requests_per_second{slice=~"$slice"}', "{{slice}}"),
        ),
        _panel(
            "Held and decided",
            "short",
            ('aether_scaling_held{slice=~"$slice"}', "{{slice}} held"),
            (
                "max by (job) (increase(aether_scaling_decisions_total[$__rate_interval]))",
                "decisions",
            ),
        ),
        _panel(
            "Foreseen for the end of the horizon",
            "reqps",
            ('aether_forecast_requests_per_second{slice=~"$slice"}', "{{slice}} {{share}}"),
            ('aether_slice_requests_per_second{slice=~"$slice"}', "{{slice}} now"),
        ),
        _panel(
            "Trust in forecasts",
            "short",
            ('aether_forecast_trusted{slice=~"$slice"}', "{{slice}} trusted"),
            ('aether_forecast_error_ratio{slice=~"$slice"}', "{{slice}} error"),
            ('aether_forecast_coverage_ratio{slice=~"$slice"}', "{{slice}} coverage"),
            ("max by (job) (aether_forecast_ready)", "model ready"),
        ),
        _panel(
            "Age and cost of forecasts",
            "s",
            ('aether_forecast_age_seconds{slice=~"$slice"}', "{{slice}} age"),
            ("max by (job) (aether_forecast_batch_seconds)", "last batch"),
        ),
        _panel(
            "Batches of forecasts",
            "short",
            (
                "sum by (outcome) (increase(aether_forecast_batches_total[$__rate_interval]))",
                "{{outcome}}",
            ),
        ),
    ),
)

DASHBOARDS = (CLUSTER, SLICES, SCALING, NODES)
