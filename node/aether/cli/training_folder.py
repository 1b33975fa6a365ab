"""A folder of series to train a forecaster on: a CSV each and a manifest, carried on export by export."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aether.cli.failures import CliError
from aether.forecast.export import COLUMNS
from aether.whole_files import write_whole

MANIFEST = "manifest.csv"
_FORM = "%Y-%m-%d %H:%M:%S"

Row = dict[str, Any]


def add_series(folder: Path, items: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Write series into a folder and return their rows of its manifest.

    A series that begins before the last one of the same slice ends carries that one on; the new values count
    where both have some. Any other becomes a file of its own. Raises CliError for a folder that is broken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = _read_manifest(folder)
    written = []
    for item in items:
        row: Row = {column: item[column] for column in COLUMNS}
        text = str(item["csv"])
        before = _last_of(rows, row)
        if before is not None:
            row, text = _carried_on(folder, before, row, text)
            rows.remove(before)
        if Path(str(row["file"])).name != row["file"]:
            raise CliError(f"the node named a file {row['file']!r} that is no name")
        write_whole(folder / row["file"], text.encode())
        rows.append(row)
        written.append(row)
    write_whole(folder / MANIFEST, _manifest(rows).encode())
    return written


def _read_manifest(folder: Path) -> list[Row]:
    path = folder / MANIFEST
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return [dict(row) for row in csv.DictReader(lines)]
    except (OSError, ValueError) as problem:
        raise CliError(f"{path} cannot be read: {problem}") from problem


def _last_of(rows: Iterable[Row], new: Row) -> Row | None:
    """Return the newest row of the same slice and step that reaches up to the new series."""
    fitting = [
        row
        for row in rows
        if row.get("source") == new["source"]
        and float(row.get("step_s") or 0) == float(new["step_s"])
        and _start(row) <= _start(new) <= _start(row) + int(row["rows"]) * float(row["step_s"])
    ]
    return max(fitting, key=_start, default=None)


def _start(row: Row) -> float:
    return datetime.strptime(str(row["start_utc"]), _FORM).replace(tzinfo=UTC).timestamp()


def _carried_on(folder: Path, before: Row, new: Row, text: str) -> tuple[Row, str]:
    try:
        old = (folder / Path(str(before["file"])).name).read_text(encoding="utf-8").splitlines()[1:]
    except OSError as problem:
        raise CliError(
            f"{folder / str(before['file'])} cannot be read: {problem.strerror}"
        ) from problem
    kept = round((_start(new) - _start(before)) / float(new["step_s"]))
    values = [*old[:kept], *text.splitlines()[1:]]
    both = "\n".join(["value", *values, ""])
    row = {
        **new,
        "file": before["file"],
        "start_utc": before["start_utc"],
        "rows": len(values),
        "sha256": hashlib.sha256(both.encode()).hexdigest()[:16],
    }
    return row, both


def _manifest(rows: Iterable[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: str(row["file"])))
    return out.getvalue()
