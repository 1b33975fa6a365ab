"""The leader tells webhooks of events: each in order, at least once, whoever leads.

How far each has been told stands in the store (`delivery/{webhook}`), guarded by the epoch; a new leader
goes on from there, so the last events may be told twice, under the same ids. What waits is not held here
but read from the chronicle's events when its turn comes. What silences keep back is written down there too.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec
import structlog

from aether.chronicle.event_feed import EventFeed
from aether.core.alerts import delivery, withholding
from aether.core.alerts.book import PREFIXES, AlertBook, open_book, silencers
from aether.core.alerts.delivery import Target
from aether.core.alerts.events import NOWHERE, Choice, Event, Place, parse_place
from aether.core.alerts.showing import show_event
from aether.core.alerts.thresholds import Series
from aether.core.model import keys
from aether.core.model.alert_records import RANK, DeliveryRecord, WebhookRecord, Withheld
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import encode
from aether.core.store.commands import Applied, Guard, Put, Txn
from aether.errors import AetherError
from aether.ports import Clock, Store
from aether.tasks import Tasks
from aether.wakeups import Wakeups

_log = structlog.get_logger()

PERIOD_S = 1.0
PAGE = 50
"""Most events of one webhook in memory."""
WRITE_S = 3.0
FAR = 5000
"""Revisions after which it is written down how far a webhook is, though it was told nothing."""

Post = Callable[[str, bytes, Mapping[str, str], float], Awaitable[int]]
"""Sends a body to a URL with headers within so many seconds; see `telemetry.webhook_http`."""


@dataclass(slots=True)
class _Line:
    """One webhook and where it stands."""

    revision: int
    """Of its record: for another one another line begins where this one ends."""
    created: int
    """Revision that created the webhook: one of the same name that was removed is another one."""
    place: Place
    written: Place
    dropped: int
    target: Target
    told: Mapping[str, str]
    withheld: Mapping[str, Withheld]
    noted_open: bool
    """Whether the breaker was open when this was written down."""
    waits: bool
    """Whether something waits that could not be told."""
    busy: bool = False
    ended: bool = False
    """Its record was changed: it tells nothing more."""
    unwritten: bool = False
    """Whether the store does not know yet what came of the last events."""


@dataclass(slots=True)
class Webhooks:
    """Runs on every node; tells only while this node leads."""

    node: NodeId
    store: Store
    clock: Clock
    feed: EventFeed
    post: Post
    cluster_id: str
    wall: Callable[[], float] = time.time
    _lines: dict[str, _Line] = field(default_factory=dict)
    _opened: AlertBook | None = None

    async def run(self) -> None:
        """Tell whom there is to tell, until cancelled."""
        wakeups, tasks = Wakeups(self.clock, PERIOD_S), Tasks()
        tasks.start("webhooks-watch", wakeups.follow(self.store, (keys.WEBHOOKS, keys.ALERTS)))
        try:
            while True:
                await wakeups.wait()
                try:
                    self.look(tasks)
                except Exception:  # noqa: BLE001 - a bug ends the look, not the node, and is logged
                    _log.exception("look at webhooks broke off")
        finally:
            await tasks.stop()

    def look(self, tasks: Tasks) -> None:
        """Have each webhook that is due told what is next, all at a time."""
        if self.store.leader != self.node or not self._leads(book := self._book()):
            self._lines.clear()
            return
        self._lines = {name: self._line(book, name) for name in sorted(book.webhooks)}
        now = self.clock.now()
        for name, line in self._lines.items():
            if not line.busy and now >= line.target.next_at:
                line.busy = True
                tasks.start(f"webhook-{name}", self._serve(name, line))

    def failing(self) -> Mapping[Series, float]:
        """Return the deliveries of each webhook that failed in a row; 0 while nothing waits for it."""
        return {
            ("webhook.failing", name): float(line.target.failures) if line.waits else 0.0
            for name, line in self._lines.items()
        }

    def state(self, name: str) -> Mapping[str, object]:
        """Return how deliveries to a webhook go; nothing on a node that does not lead."""
        line = self._lines.get(name)
        if line is None:
            return {}
        wait_s = max(0.0, line.target.next_at - self.clock.now())
        return {
            "failures": line.target.failures,
            "breaker": "open" if line.target.is_open else "closed",
            "next_try_in_s": round(wait_s, 1),
            "delivered_up_to": str(line.place),
            "dropped": line.dropped,
            "last": dict(line.told),
        }

    async def try_out(self, name: str, record: WebhookRecord) -> int:
        """Send an event that never happened, and return the status of the answer.

        An answer that takes it closes the breaker: what waits is told at once. Raises Unavailable when
        there is none in time.
        """
        said = {"id": "test", "type": "TEST", "severity": "info", "subject": "cluster"}
        text = f"{name} is told this to try it out; nothing has happened"
        body = msgspec.json.encode({**said, "text": text, "cluster": self.cluster_id})
        headers = self._headers(record, "test", body)
        status = await self.post(record.url, body, headers, record.timeout_s)
        line = self._lines.get(name)
        if line is not None and delivery.verdict(status) == "delivered":
            line.target = Target()
        return status

    # -- one webhook -------------------------------------------------------------------------------

    def _line(self, book: AlertBook, name: str) -> _Line:
        key, known = f"{keys.WEBHOOKS}{name}", self._lines.get(name)
        revision, created = book.revisions[key], book.created[key]
        if known is not None and known.revision == revision:
            return known
        if known is not None and known.busy:
            known.ended = True  # one post at a time: the next line waits for its end
            return known
        told = book.deliveries.get(name) or DeliveryRecord(event="")
        line = _Line(
            revision=revision,
            created=created,
            place=max(_place_of(told.event), _place_of(book.webhooks[name].from_event)),
            written=_place_of(told.event),
            dropped=told.dropped,
            target=Target(failures=told.failures),
            told=told.told,
            withheld=told.withheld,
            noted_open=Target(failures=told.failures).is_open,
            waits=told.failures > 0,
        )
        if known is not None and known.created == created:
            _go_on(line, known)
        return line

    async def _serve(self, name: str, line: _Line) -> None:
        try:
            await self._tell(name, line)
        except AetherError as problem:
            _log.info("webhook waits", webhook=name, error=problem.message)
        except Exception:  # noqa: BLE001 - one webhook must not end the telling of others
            _log.exception("telling a webhook broke off", webhook=name)
        finally:
            line.busy = False

    async def _tell(self, name: str, line: _Line) -> None:
        """Tell one page of events; return at the first failure, or when the line is no longer meant."""
        record = self._book().webhooks.get(name)
        if record is None:
            return
        choice = Choice(types=record.types, least=record.least)
        page = await self.feed.after(line.place, choice, PAGE)
        for event in page.events:
            if not self._is_meant(name, line):
                return
            if not await self._settle(name, line, record, event):
                line.waits = True
                break
        else:
            line.place = max(line.place, page.next)
            if not page.more:
                line.waits = not await self._tell_late(name, line, record, choice)
        is_far = line.place.revision - line.written.revision > FAR
        if line.unwritten or is_far or line.noted_open != line.target.is_open:
            await self._note(name, line)

    def _is_meant(self, name: str, line: _Line) -> bool:
        """Whether the webhook is as it was, and this node leads."""
        return self._lines.get(name) is line and not line.ended

    async def _tell_late(
        self, name: str, line: _Line, record: WebhookRecord, choice: Choice
    ) -> bool:
        """Tell what no silence keeps back any more; return whether nothing waits."""
        for key, one in sorted(line.withheld.items(), key=lambda item: _place_of(item[1].event)):
            if not self._is_meant(name, line):
                return True
            series = keys.read_measured(key)
            alert = self._book().alerts.get(series)
            if alert is not None and self._is_silenced(series):
                continue
            event = await self._event(one.event) if alert is not None else None
            if event is None or alert is None or RANK[alert.severity] < RANK[record.least]:
                line.dropped += alert is not None and event is None
                self._forget(line, key)
            elif not choice.takes(event):
                self._forget(line, key)  # the webhook asks for less than it did
            elif not await self._try(name, line, record, event, age_s=0.0):
                return False
        return True

    async def _event(self, place: str) -> Event | None:
        """Return one event; None when this node does not know it any more."""
        at = _place_of(place)
        page = await self.feed.after(Place(at.revision, at.position - 1), Choice(), 1)
        return next((event for event in page.events if event.place == at), None)

    async def _settle(self, name: str, line: _Line, record: WebhookRecord, event: Event) -> bool:
        """Tell one event, keep it back or give it up; return whether it is dealt with."""
        if event.key == keys.alert("webhook.failing", name):
            # While it fails it cannot be told so, and what waits for it would keep the alert alive.
            line.place = event.place
            return True
        if event.key.startswith(keys.ALERTS) and not self._is_told(line, event):
            line.place = event.place
            return True
        if not await self._try(name, line, record, event, age_s=self.wall() - event.time_ms / 1000):
            return False
        line.place = event.place
        return True

    def _is_told(self, line: _Line, event: Event) -> bool:
        """Whether an event of an alert is told now; what is kept back is noted."""
        known = line.withheld.get(event.key)
        silenced = self._is_silenced(keys.read_measured(event.key))
        fate = withholding.fate(event.type, known, silenced=silenced)
        if fate == "forget":
            self._forget(line, event.key)
        if fate != "withhold":
            return fate == "tell"
        kept = withholding.withheld(line.withheld, event.key, event.type, event.id)
        if kept is None:
            return True
        line.withheld, line.unwritten = kept, True
        return False

    def _forget(self, line: _Line, key: str) -> None:
        line.withheld, line.unwritten = withholding.without(line.withheld, key), True

    async def _try(
        self, name: str, line: _Line, record: WebhookRecord, event: Event, *, age_s: float
    ) -> bool:
        """Send one event, or give it up; return whether it is dealt with."""
        if delivery.is_given_up(line.target, age_s):
            line.dropped += 1
            line.target = delivery.given_up(line.target)
            self._tell_of(line, event, "given up")
            _log.warning("event given up", webhook=name, event_id=event.id, age_s=round(age_s))
            return True
        what = await self._send(name, line, record, event)
        line.target = delivery.after(line.target, what, self.clock.now())
        if what != "delivered":
            return False
        self._tell_of(line, event, what)
        return True

    def _tell_of(self, line: _Line, event: Event, outcome: str) -> None:
        line.told = {"event": event.id, "outcome": outcome, "at_ms": str(int(self.wall() * 1000))}
        self._forget(line, event.key)

    async def _send(
        self, name: str, line: _Line, record: WebhookRecord, event: Event
    ) -> delivery.Verdict:
        body = msgspec.json.encode({**show_event(event), "cluster": self.cluster_id})
        headers = self._headers(record, event.id, body)
        if line.dropped:
            headers["aether-dropped"] = str(line.dropped)
        status: int | None = None
        problem = ""
        try:
            status = await self.post(record.url, body, headers, record.timeout_s)
        except AetherError as unreachable:
            problem = unreachable.message
        what = delivery.verdict(status)
        if what != "delivered":
            tries = line.target.failures + 1
            _log.info("webhook failed", webhook=name, event_id=event.id, status=status, tries=tries,
                      problem=problem)  # fmt: skip
        return what

    def _headers(self, record: WebhookRecord, event_id: str, body: bytes) -> dict[str, str]:
        sent_s = int(self.wall())
        headers = {
            "content-type": "application/json",
            "user-agent": "aether-webhook/1",
            "aether-event-id": event_id,
            "aether-timestamp": str(sent_s),
        }
        if record.secret:
            headers["aether-signature"] = delivery.signature(record.secret, sent_s, body)
        return headers

    def _is_silenced(self, series: Series) -> bool:
        return bool(silencers(self._book(), series, int(self.wall() * 1000)))

    # -- the store ---------------------------------------------------------------------------------

    async def _note(self, name: str, line: _Line) -> None:
        """Write down how far a webhook is, while this reign goes on."""
        book = self._book()
        if not self._leads(book) or not self._is_meant(name, line):
            return
        key = f"{keys.DELIVERIES}{name}"
        record = DeliveryRecord(
            event=str(line.place),
            dropped=line.dropped,
            told=line.told,
            failures=line.target.failures,
            withheld=line.withheld,
        )
        text = f"webhook {name} is told up to event {line.place}"
        txn = Txn(
            then=(Put(key, encode(record)),),
            reason=Reason(f"leader:{self.node}", "webhook.told", text),
            guards=(
                Guard(keys.EPOCH, book.revisions[keys.EPOCH]),
                Guard(f"{keys.WEBHOOKS}{name}", line.revision),
            ),
        )
        if isinstance(await self.store.txn(txn, timeout_s=WRITE_S), Applied):
            line.written, line.unwritten = line.place, False
            line.noted_open = line.target.is_open

    def _book(self) -> AlertBook:
        """Return what this node's copy of the store says; it is read once a revision."""
        opened = self._opened
        if opened is None or opened.revision != self.store.revision:
            level = self.store.level(PREFIXES)
            opened = self._opened = open_book(level.entries, level.revision)
        return opened

    def _leads(self, book: AlertBook) -> bool:
        return (
            self.store.leader == self.node
            and book.epoch is not None
            and book.epoch.leader == self.node
        )


def _go_on(line: _Line, before: _Line) -> None:
    """Have a changed webhook go on where it was: what it was told it is not told again."""
    line.place = max(line.place, before.place)
    line.dropped, line.told, line.withheld = before.dropped, before.told, before.withheld
    line.target, line.waits, line.unwritten = Target(), False, True


def _place_of(text: str) -> Place:
    try:
        return parse_place(text) if text else NOWHERE
    except ValueError:
        return NOWHERE  # a record of another version: everything that is young enough is told again
