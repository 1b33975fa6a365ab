"""Every file below deploy/observability, and whether those there are what the code says."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from aether_forge.observability.alert_tests import alert_tests
from aether_forge.observability.alerts import alert_rules
from aether_forge.observability.dashboards import dashboard_files
from aether_forge.observability.yaml_text import Value, yaml_text

GENERATED = (
    "# Written by `make docs` from aether_forge.observability: change that, not this file.\n"
)
FOLDER = Path("deploy/observability")


def files() -> Mapping[str, str]:
    """Return every file by its path below the folder."""
    return dict(_files())


def stale(root: Path) -> list[str]:
    """Return the files below a repository that are missing or not what the code says."""
    return [
        name
        for name, text in files().items()
        if not (path := root / FOLDER / name).exists() or path.read_text() != text
    ]


def write(root: Path) -> None:
    """Write all of them below a repository."""
    for name, text in files().items():
        path = root / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def scrape_configuration(targets_url: str, rules: str = "alerts.yml") -> Value:
    """Return what Prometheus is configured with; `targets_url` is any node's list of nodes."""
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": [rules],
        "scrape_configs": [
            {
                "job_name": "aether",
                "http_sd_configs": [{"url": targets_url, "refresh_interval": "30s"}],
            }
        ],
    }


def _files() -> Iterator[tuple[str, str]]:
    scrape = scrape_configuration("http://127.0.0.1:8080/metrics/targets")
    yield "prometheus.yml", GENERATED + yaml_text(scrape)
    rules: Value = {"groups": [{"name": "aether", "rules": [r.written() for r in alert_rules()]}]}
    yield "alerts.yml", GENERATED + yaml_text(rules)
    yield "alerts_test.yml", GENERATED + yaml_text(alert_tests())
    yield from dashboard_files()
