"""Settings of tracing as they count."""

from aether.config.runtime_settings import SETTINGS, Effective
from aether.config.tracing_rows import SAMPLE, SLOW, TRACING, tracing_settings
from aether.core.model.records import ConfigRecord, NodeRecord
from aether.core.tracing.sampling import DEFAULT_SAMPLE, TracingSettings
from tests.worlds import nodes


def record() -> NodeRecord:
    return next(iter(nodes("node-1").nodes.values()))


def test_the_defaults_are_those_of_routers() -> None:
    values = {setting.name: setting.default for setting in TRACING}
    assert tracing_settings(values.__getitem__) == TracingSettings()
    assert Effective(record()).tracing({}) == TracingSettings(DEFAULT_SAMPLE, 0.0)
    assert all(SETTINGS[setting.name] is setting for setting in TRACING)


def test_the_nearest_value_wins() -> None:
    overrides = {
        ("cluster", SAMPLE): ConfigRecord(value=0.5),
        ("node/node-1", SAMPLE): ConfigRecord(value=1),
        ("cluster", SLOW): ConfigRecord(value=2.5),
        ("node/node-1", SLOW): ConfigRecord(value=-1),
    }
    assert Effective(record()).tracing(overrides) == TracingSettings(1.0, 2.5)


def test_a_share_is_from_none_to_all() -> None:
    assert SETTINGS[SAMPLE].problem(1.5) == "tracing.sample is a number from 0 to 1, not 1.5"
    assert SETTINGS[SAMPLE].problem(0) == ""
