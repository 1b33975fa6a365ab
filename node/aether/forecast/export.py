"""A cluster's own histories as series to train on: one CSV each, and a row of the manifest.

The form is that of the folders `aether-forge train` reads: a column `value`, a row per step, no gaps.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

MOST_GAP = 60
"""Steps nobody measured that are filled on a straight line; a longer gap ends a series."""
LEAST_ROWS = 180
"""Fewer steps teach nothing."""
COLUMNS = (
    "file", "start_utc", "step_s", "rows", "unit", "kind", "source", "licence", "notes", "sha256",
)  # fmt: skip
"""Of `manifest.csv`, in this order."""
LICENCE = "own data"
_DIGITS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One series, as its file and its row of the manifest."""

    slice: str
    start_s: float
    """Wall time at which the first step began."""
    step_s: float
    values: tuple[float, ...]
    filled: int
    """Steps that were filled."""

    @property
    def file(self) -> str:
        """Name of the CSV: the slice and when it begins, so that two exports never meet in one name."""
        began = datetime.fromtimestamp(self.start_s, UTC)
        return f"{self.slice.replace(':', '.')}-{began:%Y%m%dT%H%M%S}.csv"

    def csv(self) -> str:
        """Return the file's text."""
        return "value\n" + "".join(f"{value:.{_DIGITS}g}\n" for value in self.values)

    def row(self) -> dict[str, str | float | int]:
        """Return the row of the manifest, by column."""
        began = datetime.fromtimestamp(self.start_s, UTC)
        return {
            "file": self.file,
            "start_utc": f"{began:%Y-%m-%d %H:%M:%S}",
            "step_s": self.step_s,
            "rows": len(self.values),
            "unit": "requests/s",
            "kind": "requests of one slice",
            "source": f"this cluster, slice {self.slice}",
            "licence": LICENCE,
            "notes": f"{self.filled} steps nobody measured are filled on a straight line",
            "sha256": hashlib.sha256(self.csv().encode()).hexdigest()[:16],
        }


def export(base: str, past: Sequence[float], ended_at: float, step_s: float) -> Exported | None:
    """Return the newest stretch of a history without long gaps; None when it is too short.

    `ended_at` is when the last step of `past` ended, seconds since 1970.
    """
    known = [place for place, value in enumerate(past) if math.isfinite(value)]
    if not known:
        return None
    first = last = known[-1]
    for place in reversed(known[:-1]):
        if first - place - 1 > MOST_GAP:
            break
        first = place
    if last - first + 1 < LEAST_ROWS:
        return None
    values, filled = filled_up(past[first : last + 1])
    start_s = ended_at - (len(past) - first) * step_s
    return Exported(slice=base, start_s=start_s, step_s=step_s, values=values, filled=filled)


def filled_up(values: Sequence[float]) -> tuple[tuple[float, ...], int]:
    """Return values with gaps filled on straight lines, and how many were; both ends must be known."""
    found = list(values)
    before, filled = 0, 0
    for place, value in enumerate(found):
        if not math.isfinite(value):
            continue
        gap = place - before - 1
        for step in range(1, gap + 1):
            share = step / (gap + 1)
            found[before + step] = found[before] + share * (value - found[before])
        filled += max(gap, 0)
        before = place
    return tuple(found), filled
