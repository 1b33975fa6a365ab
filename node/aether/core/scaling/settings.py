"""Every number of the scaling rules, with its meaning, unit, default and where the default comes from."""

from dataclasses import dataclass

from aether.core.scaling.forecast import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingSettings:
    """How a slice is scaled; defaults serve a slice nobody has tuned."""

    target_utilisation: float = 0.75
    """Share of an instance's capacity to be used, 0..1, by the reactive rule."""
    forecast_utilisation: float = 0.80
    """The same for load that is forecast: its uncertainty is counted already, in its quantiles."""
    dead_band: float = 0.04
    """How far utilisation may be above `target_utilisation` before instances are added; where headroom is not learnt."""
    fast_s: float = 10.0
    """Span of the fast average of the request rate, seconds."""
    slow_s: float = 60.0
    """Span of the slow average, seconds; the larger of the two counts."""
    queue_drain_s: float = 10.0
    """Seconds in which waiting requests are to be worked off."""
    hold_s: float = 300.0
    """Instances go only after so many seconds of watching and, where headroom is not learnt and no forecast counts,
    only below what was needed at any time in them."""
    holds: bool = False
    """Whether they do the latter where headroom is learnt as well: somebody has said `hold_s`."""
    forecast_hold_s: float = 120.0
    """The same where a trusted forecast says what is coming (mode `full`)."""
    down_interval_s: float = 60.0
    """Seconds between a change and a reduction."""
    down_share: float = 0.12
    """Smallest reduction worth making, as a share of the instances there are; at least one instance."""
    down_margin: float = 0.03
    """How much larger a plan's load must be able to become without the reduction being undone, as a share: what an
    instance serves is known no better."""
    calm_s: float = 600.0
    """Seconds without a change after which giving up a single instance is worth it as well; and for how long
    what saturated instances called for is held where headroom is learnt."""
    most_factor: float = 4.0
    """Most instances wanted after one decision, as a multiple of those wanted before (at least 4 more)."""
    errors_most: float = 0.10
    """Error share above which only requests that were answered count as load."""
    startup_s: float = 30.0
    """Seconds an instance takes to serve, until that has been measured for the slice."""
    startup_margin_s: float = 5.0
    """Seconds added to the start-up time when looking ahead."""
    keep_steps: int = 8
    """Steps a forecast must be low for before instances go."""
    learns: bool = True
    """Whether headroom is learnt for each slice; else it is what `target_utilisation` leaves."""
    most_utilisation: float = 0.88
    """Highest utilisation planned for, however calm a slice is."""
    thrift: float = 0.032
    """What instances are worth: one percent of instance-hours less may cost so many percent of minutes more in
    which the slice is too small."""
    memory_minutes: float = 720.0
    """Half-life of what is learnt, minutes."""
    change_price: float = 0.15
    """What changes are worth: to double or halve the instances every minute is as bad as so many bad minutes in each."""
    day_margin: float = 1.1
    """Highest load planned for, as a multiple of the largest of the last day, once a whole day was watched."""
    prior_minutes: float = 60.0
    """Minutes after which what is learnt outweighs what is usual."""
    saturated: float = 0.95
    """Utilisation above which instances are added whatever the request rate says."""
    mode: Mode = Mode.SHADOW
    """What forecasts may do."""

    latency_most_s: float = 0.0
    """95th percentile of response times above which instances are added though load does not call for them; 0: none."""


DEFAULTS = ScalingSettings()
"""What holds where nothing is set."""
