"""The settings of scaling as they stand in the table."""

from aether.config.runtime_settings import SETTINGS
from aether.config.scaling_rows import RULES, SCALING
from aether.core.scaling.settings import DEFAULTS


def test_every_setting_fits_its_default_and_the_rules_have_the_field() -> None:
    for setting in SCALING:
        assert SETTINGS[setting.name] is setting
        assert setting.problem(setting.default) == ""
    for name, field in RULES.items():
        assert SETTINGS[name].default == getattr(DEFAULTS, field)
