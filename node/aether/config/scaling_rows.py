"""The settings of scaling that can be changed while the cluster runs, for the cluster or for one slice."""

from aether.core.control.overrides import Kind, Setting
from aether.core.model.scaling import MAX_UTILISATION, MIN_UTILISATION
from aether.core.scaling.forecast import Mode
from aether.core.scaling.settings import DEFAULTS

ENABLED = "scaling.enabled"
FORECAST = "scaling.forecast"
TARGET_UTILISATION = "scaling.target_utilisation"
MANUAL_PAUSE = "scaling.manual_pause_s"
HOLD = "scaling.hold_s"
NODES = "scaling.nodes"
NODE_IDLE = "scaling.node_idle_s"
ADVICE_HOLD = "scaling.advice_hold_s"
ON, OFF = "on", "off"

RULES = {
    "scaling.target_utilisation": "target_utilisation",
    "scaling.dead_band": "dead_band",
    HOLD: "hold_s",
    "scaling.down_interval_s": "down_interval_s",
    "scaling.queue_drain_s": "queue_drain_s",
    "scaling.errors_most": "errors_most",
    "scaling.startup_s": "startup_s",
    "scaling.latency_most_s": "latency_most_s",
    "scaling.thrift": "thrift",
    "scaling.change_price": "change_price",
    "scaling.most_utilisation": "most_utilisation",
}
"""Settings that are a field of the rules' own settings, and its name."""


def _rule(name: str, low: float, high: float, meaning: str, kind: Kind = "seconds") -> Setting:
    return Setting(
        name=name,
        kind=kind,
        scopes=("cluster", "slice"),
        default=getattr(DEFAULTS, RULES[name]),
        low=low,
        high=high,
        unit="s" if kind == "seconds" else "",
        meaning=meaning,
    )


SCALING = (
    Setting(
        name=ENABLED, kind="choice", scopes=("cluster", "slice"), default=ON, choices=(ON, OFF),
        meaning="whether load changes numbers of instances, of slices whose blueprints leave room for it",
    ),
    Setting(
        name=FORECAST, kind="choice", scopes=("cluster", "slice"), default=Mode.SHADOW.value,
        choices=tuple(mode.value for mode in Mode),
        meaning="what forecasts may do: nothing; be scored; ask for instances early; and let them go early",
    ),
    _rule(
        TARGET_UTILISATION, MIN_UTILISATION, MAX_UTILISATION,
        "part of its capacity an instance is to be used at; once stated, headroom is not learnt", "number",
    ),
    _rule(
        "scaling.dead_band", 0, 0.2,
        "how far utilisation may be above that before instances are added; only where it is stated", "number",
    ),
    _rule(
        HOLD, 1, 86_400,
        "instances go below what was needed only so long after that; where headroom is learnt, only if set",
    ),
    _rule("scaling.down_interval_s", 1, 86_400, "time between two reductions of a slice"),
    _rule("scaling.queue_drain_s", 1, 3600, "time in which waiting requests are to be worked off"),
    _rule(
        "scaling.errors_most", 0.001, 1,
        "share of failed requests above which those do not count as load", "number",
    ),
    _rule(
        "scaling.startup_s", 1, 3600, "time an instance takes to serve, until it has been measured"
    ),
    _rule(
        "scaling.latency_most_s", 0, 600,
        "95th percentile of response times above which instances are added; 0: none",
    ),
    _rule(
        "scaling.thrift", 0.001, 1,
        "minutes too small, in percent, that one percent of instance-hours is worth; less: more headroom", "number",
    ),
    _rule(
        "scaling.change_price", 0, 10,
        "minutes too small that doubling or halving the instances is worth; more: fewer changes", "number",
    ),
    _rule(
        "scaling.most_utilisation", MIN_UTILISATION, 0.98,
        "part of its capacity an instance is used at by the present load where headroom is learnt", "number",
    ),
    Setting(
        name=MANUAL_PAUSE, kind="seconds", scopes=("cluster", "slice"), default=600.0, unit="s",
        low=0, high=86_400,
        meaning="time a number of instances that a person has set is let be",
    ),
    Setting(
        name=ADVICE_HOLD, kind="seconds", scopes=("cluster", "slice"), default=300.0, unit="s",
        low=0, high=86_400,
        meaning="time in which no fewer instances are kept than an advisor asked for last",
    ),
    Setting(
        name=NODES, kind="choice", scopes=("cluster",), default=ON, choices=(ON, OFF),
        meaning="whether load asks for nodes, and gives them back, between the topology's two numbers",
    ),
    Setting(
        name=NODE_IDLE, kind="seconds", scopes=("cluster",), default=600.0, unit="s",
        low=10, high=86_400,
        meaning="time a node asked for because of load must not have been needed before it is given back",
    ),
)  # fmt: skip
"""Every setting of scaling."""
