"""Load on a real cluster: a step of four times is met within seconds, and nobody's request is lost."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.forge import Forge, running_forge, wait_until
from e2e.scaled import BASE, CAPACITY_RPS, Clients, make_application, write_blueprint

DECIDED_S, SERVING_S = 3.0, 10.0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    return make_application(folder)


@pytest.fixture
def forge(folder: Path, wheel: Path) -> Iterator[Forge]:
    with running_forge(5800) as cluster:
        cluster.aether("artifact", "push", str(wheel))
        lines = "instances = 2\nmax_instances = 10\n"
        cluster.aether("blueprint", "apply", str(write_blueprint(folder, lines)), "--wait")
        yield cluster


def status(forge: Forge) -> dict[str, Any]:
    rows = forge.api(forge.leader(), "controller/status").json()["slices"]
    return next(row for row in rows if row["slice"] == BASE)


def serving(forge: Forge, node: int) -> int:
    told = forge.api(node, f"slices/{BASE}").json()
    return int(told["active"])


def test_a_step_of_four_times_is_met_in_time_and_nothing_fails(forge: Forge) -> None:
    base = 0.6 * 2 * CAPACITY_RPS
    routers = [forge.router(node) for node in (1, 2, 3)]
    with Clients(routers, base) as clients:
        wait_until("the load is known", lambda: (status(forge)["utilisation"] or 0) > 0.4, 30)
        assert status(forge)["instances"] == 2
        stepped = clients.set_rate(4 * base)
        wait_until("decided", lambda: status(forge)["instances"] > 2, 20)
        decided = time.monotonic() - stepped
        wait_until("enough serve", lambda: serving(forge, 1) * CAPACITY_RPS >= 4 * base, 60)
        enough = time.monotonic() - stepped
        wait_until("settled", lambda: status(forge)["utilisation"] < 0.8, 60)
    print(f"decided after {decided:.1f} s, enough serve after {enough:.1f} s; {status(forge)}")  # noqa: T201 - for whoever runs this with -s
    assert clients.failures == []
    assert decided <= DECIDED_S
    assert enough <= SERVING_S
