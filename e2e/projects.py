"""Projects of slices that tests write: one package with one module, as an author's checkout would have it."""

from collections.abc import Mapping, Sequence
from pathlib import Path


def write_project(
    project: Path,
    package: str,
    code: str,
    slice_table: Mapping[str, str | int],
    *,
    version: str = "1.0.0",
    requires: Sequence[str] = (),
    more: str = "",
) -> Path:
    """Write a project and return it; `slice_table` is `[tool.aether.slice]`, `more` is put at its end as it is."""
    (project / package).mkdir(parents=True)
    (project / package / "__init__.py").write_text(code)
    rows = "\n".join(f"{key} = {_toml(value)}" for key, value in slice_table.items())
    (project / "pyproject.toml").write_text(
        f"""
[build-system]
requires = ["hatchling>=1.30"]
build-backend = "hatchling.build"

[project]
name = "{package.replace("_", "-")}"
version = "{version}"
requires-python = ">=3.11"
dependencies = [{", ".join(map(_toml, requires))}]

[tool.hatch.build.targets.wheel]
packages = ["{package}"]

[tool.aether.slice]
{rows}
{more}
"""
    )
    return project


def _toml(value: str | int) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
