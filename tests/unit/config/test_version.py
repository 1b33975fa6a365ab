import tomllib
from pathlib import Path

from aether.config.version import aether_version

PROJECT = Path(__file__).resolve().parents[3] / "pyproject.toml"


def test_the_version_is_the_distributions() -> None:
    assert aether_version() == tomllib.loads(PROJECT.read_text())["project"]["version"]
