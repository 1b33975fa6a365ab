"""The factories an outside simulator calls."""

import pytest

import aether_forge.scaling as lab
from aether.core.scaling.forecast import Mode
from aether.forecast.card import ModelUnusable
from aether.forecast.runtime import OnnxForecaster
from aether_forge.scaling import factories
from tests.unit.forge_scaling.test_pool import Config, Shown


def test_every_factory_makes_a_controller_that_decides() -> None:
    for name in lab.__all__:
        controller = getattr(lab, name)(Config(), 60, [400.0] * 40)
        assert 2 <= controller.decide(Shown()) <= 64


def test_modes_and_models() -> None:
    assert lab.make_reactive(Config(), 60, []).settings.mode is Mode.OFF
    made = lab.make(Config(), 60, [])
    assert made.settings.mode is Mode.FULL
    assert made.foresight is not None


def test_without_a_model_the_reactive_rules_stand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ModelUnusable("the checksum is another")

    factories._shipped.cache_clear()
    monkeypatch.setattr(OnnxForecaster, "load", broken)
    assert lab.make(Config(), 60, []).foresight is None
    assert "reactive rules only: the checksum is another" in capsys.readouterr().err
    factories._shipped.cache_clear()
