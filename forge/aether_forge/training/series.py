"""Folders of load series: CSV files of one column `value` and a manifest that tells of each."""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aether.errors import Invalid

Values = npt.NDArray[np.float64]
TRAINED_SHARE = 0.7
"""The first part of each series is for training, the rest for scoring: never shuffled across."""
MOST_SERIES = 1000
MOST_BYTES = 64 * 1024 * 1024
"""Of one series' file."""
_UNLICENSED = ("none", "unknown", "unclear", "")


@dataclass(frozen=True, slots=True)
class Series:
    """One load series: a value per step, without gaps."""

    name: str
    step_s: float
    values: Values
    licence: str
    source: str
    sha256: str
    """Of the file, whole."""

    @property
    def trained(self) -> int:
        """How many steps, from the first on, are for training."""
        return int(self.values.size * TRAINED_SHARE)

    @property
    def has_licence(self) -> bool:
        """Whether its manifest states terms under which it may be used."""
        stated = self.licence.strip().lower()
        return stated not in _UNLICENSED and not any(
            phrase in stated
            for phrase in ("states none", "none stated", "no licence", "no license")
        )


def load(folder: Path) -> list[Series]:
    """Return the series of a folder in the order of its manifest.

    Raises Invalid, naming file and row, for what cannot be read or is not what the manifest says.
    """
    manifest = folder / "manifest.csv"
    try:
        with manifest.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise Invalid(
            f"{manifest} cannot be read ({error.strerror}): give a folder of CSV files with a manifest.csv"
        ) from error
    if not 0 < len(rows) <= MOST_SERIES:
        raise Invalid(f"{manifest} names {len(rows)} series; 1 to {MOST_SERIES} are taken")
    return [_one(folder, row, number) for number, row in enumerate(rows, 2)]


def _one(folder: Path, row: dict[str, str], number: int) -> Series:
    place = f"manifest.csv line {number}"
    try:
        name, step_s, stated = row["file"], float(row["step_s"]), row.get("sha256") or ""
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(f"{place}: needs `file` and a number `step_s`: {error}") from error
    if Path(name).name != name or not step_s > 0:
        raise Invalid(
            f"{place}: `file` {name!r} must be a name in the folder, `step_s` more than 0"
        )
    path = folder / name
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Invalid(f"{path} is larger than {MOST_BYTES} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise Invalid(f"{place}: {path} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    if stated and not digest.startswith(stated.lower()):
        raise Invalid(f"{path} has SHA-256 {digest[:16]}…, {place} says {stated}")
    return Series(
        name=name.removesuffix(".csv"),
        step_s=step_s,
        values=_values(path, data),
        licence=row.get("licence") or row.get("license") or "",
        source=row.get("source") or "",
        sha256=digest,
    )


def _values(path: Path, data: bytes) -> Values:
    lines: Sequence[str] = data.decode("utf-8", "replace").splitlines()
    if not lines or lines[0].strip() != "value":
        raise Invalid(f"{path}: the first line must be `value`")
    try:
        values = np.array([float(line) for line in lines[1:] if line], np.float64)
    except ValueError as error:
        raise Invalid(f"{path}: {error}") from error
    if not np.isfinite(values).all() or (values < 0).any():
        raise Invalid(f"{path}: every value must be a finite number, at least 0")
    return values


def coarser(values: Values, steps: int) -> Values:
    """Return means of `steps` values each, what is left over at the front dropped."""
    whole = values.size // steps * steps
    means: Values = values[values.size - whole :].reshape(-1, steps).mean(axis=1)
    return means
