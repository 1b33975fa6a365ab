"""Whatever happens to a request, each attempt is counted once and the client hears one end."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.dataplane.table import RouteRow
from aether.dataplane.upstream import UpstreamConnection
from tests.unit.dataplane.fakes import Transport
from tests.unit.dataplane.play import BASE, OK, Play, endpoint

ANSWERS = (
    OK,
    OK[:10],
    OK[:-1],
    b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 503 X\r\nx-aether-refused: not-here\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 502 X\r\nx-aether-refused: lost\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw",
    b"nonsense\r\n\r\n",
)
HEADS = (
    ("GET / HTTP/1.1", ()),
    ("GET / HTTP/1.1", ("Connection: upgrade", "Upgrade: x")),
    ("POST / HTTP/1.1", ("Content-Length: 3",)),
    ("PUT / HTTP/1.1", ("Transfer-Encoding: chunked",)),
    ("PUT / HTTP/1.1", ("Content-Length: 300", "Expect: 100-continue")),
)
EVENTS = (
    *("connect", "refuse", "answer", "answer", "lose", "body", "last body", "second", "expire"),
    *("slow client", "client lost", "hold", "release", "time", "fill"),
)
STEPS = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 9)), max_size=25)


class Story:
    """Plays a script of events; what cannot happen in a state is passed over."""

    def __init__(
        self, head: tuple[str, tuple[str, ...]], kinds: list[bool], **options: Any
    ) -> None:
        endpoints = [endpoint(number, mesh=mesh) for number, mesh in enumerate(kinds)]
        row = RouteRow(method="*", pattern="/", slice=BASE, attempts=2)
        self.play = Play(*endpoints, head=head[0], lines=head[1], row=row, **options)
        self.live: list[tuple[UpstreamConnection, Transport]] = []
        self.has_ended = False

    def step(self, event: str, number: int) -> None:
        play = self.play
        self.live = [pair for pair in self.live if not pair[1].is_closing()]
        if event in ("connect", "refuse"):
            self.open(event, number)
        elif event in ("answer", "lose") and self.live:
            connection, transport = self.live[number % len(self.live)]
            if event == "answer":
                connection.data_received(ANSWERS[number])
            else:
                transport.close()
                connection.connection_lost(None if number % 2 else ConnectionResetError("reset"))
        elif event == "body" and play.exchange.waits_for_body:
            play.exchange.body(b"x" * number, done=False)
        elif event == "last body" and play.exchange.waits_for_body:
            play.exchange.body(b"x" * 60, done=True)
        elif event == "fill":
            play.pool.is_full = number > 7
        elif event == "time":
            play.now += number / 10
        else:
            self.of_client(event)

    def open(self, event: str, number: int) -> None:
        waiting = [each for each in self.play.pool.asked if each.receiver is not None]
        self.play.pool.asked = waiting
        if event == "refuse" and waiting:
            self.play.refuse()
        elif waiting:
            self.live.append(self.play.connect(served=number % 2))

    def of_client(self, event: str) -> None:
        play, far_end = self.play, self.play.asker.far_end
        if self.is_over:
            return
        if event == "second":
            play.exchange.send_second()
        elif event in ("expire", "slow client"):
            if far_end is None:
                play.exchange.expire(client_is_slow=event != "expire")
            else:
                far_end.expire()
        elif event == "client lost":
            self.end()
        elif event in ("hold", "release") and far_end is None:
            play.exchange.hold_answer(held=event == "hold")

    @property
    def is_over(self) -> bool:
        asker = self.play.asker
        return asker.is_finished or asker.is_aborted or asker.is_closed or self.has_ended

    def end(self) -> None:
        self.has_ended = True
        far_end = self.play.asker.far_end
        if far_end is not None:
            far_end.client_lost()
        self.play.exchange.client_lost()

    @property
    def attempts(self) -> int:
        attempts = self.play.exchange._attempts
        return (attempts.connection is not None) + (attempts.rival is not None)


@given(
    st.sampled_from(HEADS),
    st.lists(st.booleans(), min_size=1, max_size=4),
    st.booleans(),
    st.booleans(),
    STEPS,
)
@settings(max_examples=60)
def test_every_attempt_is_counted_until_it_is_over(
    head: tuple[str, tuple[str, ...]],
    kinds: list[bool],
    is_trusted: bool,
    is_mesh: bool,
    steps: list[tuple[str, int]],
) -> None:
    story = Story(head, kinds, is_trusted=is_trusted, is_mesh=is_mesh)
    story.play.start()
    for event, number in steps:
        story.step(event, number)
        assert story.play.in_flight == story.attempts <= 2
        assert not (story.is_over and story.attempts)
    story.end()
    assert story.play.in_flight == 0
    assert not story.play.context.observer.in_flight


@given(st.sampled_from(HEADS), st.lists(st.booleans(), min_size=1, max_size=4), STEPS)
@settings(max_examples=40)
def test_a_request_is_written_as_often_as_its_route_allows_at_most(
    head: tuple[str, tuple[str, ...]], kinds: list[bool], steps: list[tuple[str, int]]
) -> None:
    story = Story(head, kinds)
    story.play.start()
    delivered: set[int] = set()
    for event, number in steps:
        story.step(event, number)
        delivered |= {
            id(connection)
            for connection, transport in story.live
            if b"HTTP/1.1" in transport.written
        }
    undelivered = sum(event == "answer" and number in (6, 7) for event, number in steps)
    assert len(delivered) <= 2 + undelivered
    story.end()


@given(st.sampled_from(HEADS), st.lists(st.booleans(), min_size=1, max_size=3), STEPS)
@settings(max_examples=40)
def test_nothing_of_one_request_is_left_for_the_next(
    head: tuple[str, tuple[str, ...]], kinds: list[bool], steps: list[tuple[str, int]]
) -> None:
    story = Story(head, kinds)
    play = story.play
    play.start()
    for event, number in steps:
        story.step(event, number)
    story.end()
    play.pool.is_full = False
    play.pool.asked.clear()
    play.now += 100.0  # no ejection and no breaker lasts so long
    asker = play.asker
    asker.is_finished, asker.is_aborted, asker.problem, asker.written = False, False, None, b""
    play.head = Play(endpoint(0)).head
    play.start()
    connection, transport = play.connect()
    assert transport.written.startswith(b"GET / HTTP/1.1\r\n")
    connection.data_received(OK)
    assert play.code == "ok"
    assert asker.written.endswith(b"\r\n\r\nok")
