"""Headers by which every answer of a route tells its version and how long it will be there."""

from datetime import UTC, datetime
from email.utils import format_datetime

from aether.core.dataplane.rows import RouteRow
from aether.core.dataplane.soundness import unix_seconds


def notices(row: RouteRow) -> bytes:
    """Return the header lines a route adds to its answers, each with its line end; mostly empty.

    `x-api-version`, `deprecation` (RFC 9745) and `sunset` (RFC 8594). Raises ValueError for a date
    that `row_problems` names.
    """
    lines = [f"x-api-version: {row.api_version}\r\n"] if row.api_version else []
    if row.deprecated:
        lines.append(f"deprecation: @{_moment(row.deprecated)}\r\n")
    if row.sunset:
        moment = datetime.fromtimestamp(_moment(row.sunset), UTC)
        lines.append(f"sunset: {format_datetime(moment, usegmt=True)}\r\n")
    return "".join(lines).encode("ascii")


def _moment(date: str) -> int:
    moment = unix_seconds(date)
    if moment is None:
        raise ValueError(f"{date!r} is not a date of RFC 3339")
    return moment
