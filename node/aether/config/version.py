"""Which version of Aether this is: read from the installed distribution, written nowhere else."""

from importlib.metadata import PackageNotFoundError, version


def aether_version() -> str:
    """Return the version, or `0+unknown` when Aether runs without being installed."""
    try:
        return version("aether-cluster")
    except PackageNotFoundError:
        return "0+unknown"
