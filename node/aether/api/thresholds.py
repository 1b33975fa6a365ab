"""Calls about thresholds: what every metric is compared with, and changing it."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aether.api.alert_changes import read_book, submit
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, Endpoint, v1
from aether.core.alerts.book import AlertBook
from aether.core.alerts.thresholds import (
    ANY,
    RULES,
    Series,
    bounds_of,
    runbook_of,
    says_of,
    unit_of,
)
from aether.core.control.alert_admission import admit_no_threshold, admit_threshold
from aether.core.model import keys
from aether.core.model.alert_records import ThresholdRecord
from aether.core.model.records import to_plain
from aether.core.store.commands import Consistency
from aether.errors import Invalid


class Threshold(BaseModel):
    """What a metric is to be compared with; what is left out is as built in, or as for all."""

    model_config = ConfigDict(extra="forbid", strict=True)

    warning: float | None = Field(None, description="bound of a warning")
    critical: float | None = Field(None, description="bound of a critical alert")
    hysteresis: float | None = Field(None, description="share of a bound to fall back by")
    for_s: float | None = Field(None, description="time beyond the bound before it is raised")
    clear_s: float | None = Field(None, description="time within it before it is lowered")
    enabled: bool = Field(default=True, description="false: no alert")


async def list_thresholds(context: Context, call: Call) -> Answer:
    """Answer with every built-in threshold and every one that was set, as it counts now."""
    book = await read_book(context, call.consistency)
    return Answer(value={"items": list(_rows(book))})


async def put_threshold(context: Context, call: Call) -> Answer:
    """Set a threshold for a subject, or for all (`*`)."""
    metric, subject = _series(call)
    body = call.json(Threshold)
    record = ThresholdRecord(**body.model_dump())
    change = await submit(
        context, call, lambda book: admit_threshold(book, metric, subject, record)
    )
    return await _changed(context, to_plain(change), (metric, subject))


async def delete_threshold(context: Context, call: Call) -> Answer:
    """Take a threshold back."""
    metric, subject = _series(call)
    change = await submit(context, call, lambda book: admit_no_threshold(book, metric, subject))
    return await _changed(context, to_plain(change), (metric, subject))


async def _changed(context: Context, told: dict[str, Any], series: Series) -> Answer:
    book = await read_book(context, Consistency.LINEARIZABLE)
    return Answer(value={**told, "in_force": _row(book, series)})


def _series(call: Call) -> Series:
    """Return metric and subject of a path: `*` stands for all, `-` for the cluster."""
    metric, slash, subject = call.params["path"].partition("/")
    if not slash or not metric or not subject:
        raise Invalid(
            f"thresholds/{call.params['path'][:100]} names none: METRIC, then a subject, * for all "
            "of them or - for the cluster"
        )
    return metric, "" if subject == keys.WHOLE_CLUSTER else subject


def _rows(book: AlertBook) -> Iterator[dict[str, Any]]:
    known = {(metric, ANY) for metric in RULES} | set(book.thresholds)
    for series in sorted(known):
        yield _row(book, series)


def _row(book: AlertBook, series: Series) -> dict[str, Any]:
    bounds = bounds_of(series, book.thresholds)
    metric, subject = series
    return {
        "metric": metric,
        "subject": subject,
        "unit": unit_of(metric),
        "enabled": bounds is not None,
        "direction": bounds.direction if bounds else None,
        "warning": bounds.warning if bounds else None,
        "critical": bounds.critical if bounds else None,
        "hysteresis": bounds.hysteresis if bounds else None,
        "for_s": bounds.for_s if bounds else None,
        "clear_s": bounds.clear_s if bounds else None,
        "origin": "set" if series in book.thresholds else "built in",
        "says": says_of(metric),
        "runbook": runbook_of(metric),
    }


_CHANGE = "`changed`, `revision`, `summary`, and what is `in_force` now"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("thresholds"), name="threshold.list", handler=list_thresholds,
        answers="what metrics are compared with: built in, and set by somebody", query=FRESH,
    ),
    Endpoint(
        method="PUT", path=v1("thresholds/{path...}"), name="threshold.put",
        handler=put_threshold, answers=_CHANGE, role="operator", leader_only=True,
        takes="JSON `{warning, critical, hysteresis, for_s, clear_s, enabled}`", model=Threshold,
    ),
    Endpoint(
        method="DELETE", path=v1("thresholds/{path...}"), name="threshold.delete",
        handler=delete_threshold, answers=_CHANGE, role="operator", leader_only=True,
    ),
)  # fmt: skip
