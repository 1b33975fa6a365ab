"""Whether thresholds, silences, log levels and webhooks may be as somebody wants them, and the writes."""

import re
from collections.abc import Collection
from dataclasses import fields
from math import isfinite
from urllib.parse import urlsplit

from aether.core.alerts.book import AlertBook
from aether.core.alerts.events import TYPES, fits_any
from aether.core.alerts.thresholds import (
    ANY,
    MOST_WAIT_S,
    RULES,
    bounds_of,
    is_known,
    known_metrics,
)
from aether.core.control.admission import Admitted, Rejected
from aether.core.model import keys
from aether.core.model.alert_records import (
    LogLevelRecord,
    SilenceRecord,
    ThresholdRecord,
    WebhookRecord,
)
from aether.core.model.ids import Artifact, NodeId, parse_node_id, parse_slice_base
from aether.core.model.nearness import nearest
from aether.core.model.records import encode
from aether.core.store.commands import Delete, Guard, Put

MOST_THRESHOLDS = 1000
MOST_SILENCES = 200
MOST_LOG_LEVELS = 100
MOST_WEBHOOKS = 20
MOST_SILENCE_MS = 30 * 86_400_000
MOST_TEXT = 500
MOST_URL = 2000
MOST_TIMEOUT_S = 30.0
LEVELS = ("debug", "info", "warning", "error")
ROOT_LOGGER = "root"
"""Under this name the standard `logging` has the one above all others: libraries everywhere would say all they can."""
_LOGGER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TYPE = re.compile(r"[A-Z_]*\*?")

Decision = Admitted | Rejected


def admit_threshold(
    book: AlertBook, metric: str, subject: str, record: ThresholdRecord
) -> Decision:
    """Admit comparing a metric with other bounds, for one subject or (`*`) for all."""
    problems = [*_series_problems(metric, subject), *_threshold_problems(record)]
    if not problems and record.enabled:
        after = {**book.thresholds, (metric, subject): record}
        bounds = bounds_of((metric, subject), after)
        if bounds is None:
            problems = [f"{metric} has no bound of its own: say warning, critical or both"]
        elif RULES.get(metric) and bounds.direction != RULES[metric].bounds.direction:
            way = RULES[metric].bounds.direction
            problems = [f"{metric} is bad {way} its bounds: critical must lie {way} warning"]
    key = keys.threshold(metric, subject)
    full = _full(book.thresholds, (metric, subject), MOST_THRESHOLDS, "thresholds")
    if problems or full:
        return Rejected("invalid", (*problems, *full))
    return _put(
        book, key, record, book.thresholds.get((metric, subject)), _said(record, metric, subject)
    )


def admit_no_threshold(book: AlertBook, metric: str, subject: str) -> Decision:
    """Admit taking a threshold back: the next farther one counts again."""
    return _delete(book, keys.threshold(metric, subject), f"the threshold of {metric} of {subject}")


def admit_silence(book: AlertBook, name: str, record: SilenceRecord) -> Decision:
    """Admit that nobody is told of some alerts until a moment."""
    problems = []
    if record.metric != ANY and not is_known(record.metric) and record.metric not in _active(book):
        problems.append(_unknown_metric(record.metric))
    if not 0 < record.until_ms - record.created_ms <= MOST_SILENCE_MS:
        problems.append("a silence lasts more than 0 s and at most 30 days")
    if not record.author.strip():
        problems.append("author is empty: say who wants it")
    problems += [
        f"{field} has {len(text)} characters; the limit is {MOST_TEXT}"
        for field, text in (("author", record.author), ("comment", record.comment))
        if len(text) > MOST_TEXT
    ]
    full = _full(book.silences, name, MOST_SILENCES, "silences")
    if problems or full:
        return Rejected("invalid", (*problems, *full))
    what = f"{record.metric} of {record.subject}"
    text = f"silence {name}: nobody is told of {what}, by {record.author}: {record.comment}"
    return _put(book, f"{keys.SILENCES}{name}", record, None, text.rstrip(": "))


def admit_no_silence(book: AlertBook, name: str) -> Decision:
    """Admit ending a silence."""
    if name not in book.silences:
        known = ", ".join(sorted(book.silences)) or "there is none"
        return Rejected("not_found", (f"there is no silence {name[:80]}; known: {known}",))
    return _delete(book, f"{keys.SILENCES}{name}", f"silence {name}")


def admit_log_level(book: AlertBook, logger: str, record: LogLevelRecord) -> Decision:
    """Admit that a logger, and all below it, logs from another level on."""
    problems = []
    if len(logger) > 200 or not _LOGGER.fullmatch(logger):
        problems.append(f"{logger[:80]!r} is no logger: names with dots between, as aether.control")
    if logger == ROOT_LOGGER:
        problems.append(f"{ROOT_LOGGER} stands for all loggers: name one, or set log.level")
    if record.level not in LEVELS:
        problems.append(f"level {record.level[:40]!r} is unknown: say {', '.join(LEVELS)}")
    problems += list(_node_problems(record.nodes))
    full = _full(book.log_levels, logger, MOST_LOG_LEVELS, "log levels")
    if problems or full:
        return Rejected("invalid", (*problems, *full))
    where = ", ".join(record.nodes) or "all nodes"
    key, before = f"{keys.LOG_LEVELS}{logger}", book.log_levels.get(logger)
    return _put(book, key, record, before, f"{logger} logs from {record.level} on {where}")


def admit_no_log_level(book: AlertBook, logger: str) -> Decision:
    """Admit that a logger logs as all others again."""
    return _delete(book, f"{keys.LOG_LEVELS}{logger}", f"the level of {logger}")


def admit_webhook(book: AlertBook, name: str, record: WebhookRecord) -> Decision:
    """Admit that somebody is told of events."""
    problems = list(_webhook_problems(name, record))
    full = _full(book.webhooks, name, MOST_WEBHOOKS, "webhooks")
    if problems or full:
        return Rejected("invalid", (*problems, *full))
    host = urlsplit(record.url).hostname
    text = f"webhook {name} at {host} is told of {', '.join(record.types)}"
    return _put(book, f"{keys.WEBHOOKS}{name}", record, book.webhooks.get(name), text)


def admit_no_webhook(book: AlertBook, name: str) -> Decision:
    """Admit that somebody is told no longer."""
    if name not in book.webhooks:
        known = ", ".join(sorted(book.webhooks)) or "there is none"
        return Rejected("not_found", (f"there is no webhook {name[:80]}; known: {known}",))
    key, told = f"{keys.WEBHOOKS}{name}", f"{keys.DELIVERIES}{name}"
    gone = (Delete(key), *((Delete(told),) if told in book.revisions else ()))
    return Admitted(gone, (Guard(key, book.revisions[key]),), f"webhook {name} is removed")


# -- what is wrong with what is wanted ---------------------------------------------------------------


def _unknown_metric(metric: str) -> str:
    near = nearest(metric, known_metrics())
    guess = f"; did you mean {near!r}?" if near else "; `aether metric list` has those there are"
    return f"there is no metric {metric[:80]!r} that is compared{guess}"


def _series_problems(metric: str, subject: str) -> list[str]:
    if not is_known(metric):
        return [_unknown_metric(metric)]
    about = metric.partition(".")[0]
    if subject == ANY:
        return []
    if about == "cluster":
        return [] if subject == "" else [f"{metric} is of the whole cluster: the subject is `-`"]
    try:
        if about in ("node", "member"):
            parse_node_id(subject)
        elif about == "slice":
            parse_slice_base(subject)
        elif about == "instance":
            Artifact(subject.rpartition("/")[0])
    except ValueError as problem:
        return [f"subject of {metric}: {problem}"]
    return [f"subject of {metric}: say one, or * for all"] if not subject else []


def _threshold_problems(record: ThresholdRecord) -> list[str]:
    problems = []
    for one in fields(record):
        value = getattr(record, one.name)
        if isinstance(value, float) and not isfinite(value):
            problems.append(f"{one.name} is no finite number")
    if record.hysteresis is not None and not 0 <= record.hysteresis < 1:
        problems.append(f"hysteresis is a share from 0 to below 1, not {record.hysteresis:g}")
    for name in ("for_s", "clear_s"):
        value = getattr(record, name)
        if value is not None and not 0 <= value <= MOST_WAIT_S:
            problems.append(f"{name} is 0 to {MOST_WAIT_S:g} s, not {value:g}")
    return problems


def _node_problems(nodes: tuple[NodeId, ...]) -> list[str]:
    problems = []
    for node in nodes:
        try:
            parse_node_id(node)
        except ValueError as problem:
            problems.append(str(problem))
    return problems


def _webhook_problems(name: str, record: WebhookRecord) -> list[str]:
    problems = []
    if not _NAME.fullmatch(name):
        problems.append(
            f"{name[:80]!r} is no name of a webhook: lower-case letters, digits and inner dashes"
        )
    problems += _url_problems(record.url)
    if not 0 < record.timeout_s <= MOST_TIMEOUT_S:
        problems.append(f"timeout_s is more than 0 and at most {MOST_TIMEOUT_S:g} s")
    if len(record.secret) > MOST_TEXT or not record.secret.isprintable():
        problems.append(f"secret is at most {MOST_TEXT} visible characters")
    if not record.types or len(record.types) > len(TYPES):
        problems.append("types is empty: name types of events, such as ALERT_* or NODE_LOST")
    for pattern in record.types:
        if not _TYPE.fullmatch(pattern) or not any(fits_any(known, (pattern,)) for known in TYPES):
            near = nearest(pattern, sorted(TYPES))
            guess = f"; did you mean {near!r}?" if near else ""
            problems.append(f"no event has the type {pattern[:60]!r}{guess}")
    return problems


def _url_problems(url: str) -> list[str]:
    shape = "expected http://host[:port]/path or https://…"
    if len(url) > MOST_URL or not url.isprintable() or " " in url:
        return [f"url is at most {MOST_URL} visible characters without blanks"]
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname)
        fits = fits and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    else:
        if fits and (parts.username is not None or parts.fragment):
            return ["url holds a password or a fragment: leave it out, sign with secret instead"]
    return [] if fits else [f"url {url[:200]!r} is none: {shape}"]


def _active(book: AlertBook) -> set[str]:
    return {metric for metric, _ in book.alerts}


def _full(there: Collection[object], name: object, most: int, what: str) -> tuple[str, ...]:
    if name in there or len(there) < most:
        return ()
    return (f"there are {len(there)} {what}, the most there may be; remove one first",)


# -- the writes -------------------------------------------------------------------------------------


def _said(record: ThresholdRecord, metric: str, subject: str) -> str:
    if not record.enabled:
        return f"{metric} of {subject or 'the cluster'} raises no alert"
    told = [
        f"{one.name} {getattr(record, one.name):g}"
        for one in fields(record)
        if one.name != "enabled" and getattr(record, one.name) is not None
    ]
    return f"the threshold of {metric} of {subject or 'the cluster'} is {', '.join(told)}"


def _put(book: AlertBook, key: str, record: object, before: object, text: str) -> Admitted:
    if before is not None and encode(before) == encode(record):
        return Admitted((), (), f"{text} already; nothing changes")
    guard = Guard(key, book.revisions.get(key, 0))
    return Admitted((Put(key, encode(record)),), (guard,), text)


def _delete(book: AlertBook, key: str, what: str) -> Admitted:
    if key not in book.revisions:
        return Admitted((), (), f"{what} was not set; nothing changes")
    guard = Guard(key, book.revisions[key])
    return Admitted((Delete(key),), (guard,), f"{what} is taken back")
