"""Forecasts on a real cluster: made from real traffic, there again after a change of leader."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.forge import EXAMPLES, Forge, call, running_forge, wait_until

BASE = "org.example:links"
STEP_S = 1


class Traffic:
    """A few requests a second, on every router, until the block ends."""

    def __init__(self, forge: Forge) -> None:
        self._forge = forge
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        body = json.dumps({"url": "https://example.org"}).encode()
        headers = {"content-type": "application/json"}
        number = 0
        while not self._stop.wait(0.1):
            number += 1
            try:
                call(self._forge.router(1 + number % 3), "POST", "/api/v1/urls", body, headers, 5)
            except OSError:
                continue  # a node that is being killed; others take the next

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    patch = pytest.MonkeyPatch()
    patch.setenv("AETHER_FORECAST__STEP_S", str(STEP_S))
    with running_forge(5400, *EXAMPLES) as cluster, Traffic(cluster):
        yield cluster
    patch.undo()


def row_of(forge: Forge) -> dict[str, Any]:
    """The busy slice as the present leader sees it; nothing while nobody answers."""
    answer = forge.api(forge.leader(), "forecast/status")
    if answer.status != 200:
        return {}
    rows = answer.json()["slices"]
    return next((row for row in rows if row["slice"] == BASE), {})


def has_forecast(forge: Forge) -> bool:
    try:
        return bool(row_of(forge).get("forecast"))
    except (OSError, AssertionError):
        return False


def test_traffic_is_forecast_and_shown(forge: Forge) -> None:
    wait_until("a forecast", lambda: has_forecast(forge), 90)
    row = row_of(forge)
    assert len(row["forecast"]["steps"]) == 15
    assert row["forecast"]["age_s"] < 10
    assert 0 < row["forecast"]["steps"][0]["p50"] < 100
    shown = forge.aether("forecast", "status").stdout
    assert BASE in shown
    assert "model" in forge.aether("forecast", "status").stderr
    status = forge.api(forge.leader(), "forecast/status").json()
    assert status["problem"] == ""
    assert status["batches"]["failed"] == 0


def test_a_new_leader_forecasts_at_once_from_its_own_history(forge: Forge) -> None:
    before = forge.leader()
    steps = row_of(forge)["steps_known"]
    forge.command("kill", f"node-{before}")
    wait_until("another leader", lambda: _leads_other(forge, before), 60)
    took = wait_until("its forecast", lambda: has_forecast(forge), 10)
    assert took < 5
    assert row_of(forge)["steps_known"] >= steps - 5


def _leads_other(forge: Forge, before: int) -> bool:
    try:
        return forge.leader() != before
    except AssertionError:
        return False
