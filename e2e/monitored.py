"""A real Prometheus that scrapes a forge, asked as people ask it."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from aether_forge.observability.files import files
from aether_forge.observability.yaml_text import Value, yaml_text
from e2e.forge import call, wait_until

NEEDED = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="no prometheus and promtool here (Debian: prometheus)",
)
SCRAPE_S = 1


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    port: int

    def ask(self, path: str, **query: str) -> Any:  # noqa: ANN401 - Prometheus's JSON
        """Return the data of an answer of its API."""
        answer = call(self.port, "GET", f"/api/v1/{path}?{urlencode(query)}")
        assert answer.status == 200, answer.body
        return json.loads(answer.body)["data"]

    def query(self, text: str) -> list[dict[str, Any]]:
        """Return the vector a query evaluates to now."""
        found: list[dict[str, Any]] = self.ask("query", query=text)["result"]
        return found

    def up(self) -> dict[str, str]:
        """Return how each target is, by its name."""
        targets = self.ask("targets", state="active")["activeTargets"]
        return {target["labels"]["instance"]: target["health"] for target in targets}


@contextmanager
def running_prometheus(folder: Path, management_port: int) -> Iterator[Prometheus]:
    """Run one with the shipped configuration and rules, faster, asking a node whom to scrape."""
    for name, text in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "fast.yml").write_text(yaml_text(_fast(management_port)))
    port = _free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'fast.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until("prometheus answers", lambda: call(port, "GET", "/-/ready").status == 200, 30)
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(20)


def _fast(management_port: int) -> Value:
    """Return the shipped configuration at intervals of a second."""
    url = f"http://127.0.0.1:{management_port}/metrics/targets"
    return {
        "global": {
            "scrape_interval": f"{SCRAPE_S}s",
            "scrape_timeout": f"{SCRAPE_S}s",
            "evaluation_interval": f"{SCRAPE_S}s",
        },
        "rule_files": ["alerts.yml"],
        "scrape_configs": [
            {
                "job_name": "aether",
                "http_sd_configs": [{"url": url, "refresh_interval": "5s"}],
            }
        ],
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
