"""Writes of one turn: together, in order for each connection, large ones at once."""

from collections.abc import Callable

from aether.write_batch import MOST_BYTES, WriteBatch

LARGE = b"x" * (MOST_BYTES + 1)


class Turns:
    """Stands for the loop and several transports: writes down who wrote what, in the order it happened."""

    def __init__(self) -> None:
        self.written: list[tuple[str, bytes]] = []
        self.turns: list[Callable[[], None]] = []
        self.batch = WriteBatch(self.turns.append)

    def end_turn(self) -> None:
        turns, self.turns[:] = self.turns.copy(), []
        for flush in turns:
            flush()


class End:
    """One transport."""

    def __init__(self, wire: Turns, name: str, *, fails: bool = False) -> None:
        self.closing = False
        self._wire, self._name, self._fails = wire, name, fails

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    def write(self, data: bytes) -> None:
        if self._fails:
            raise RuntimeError("broken")
        self._wire.written.append((self._name, data))


def test_instances_get_theirs_before_clients_and_each_in_order() -> None:
    wire = Turns()
    client, instance = End(wire, "client"), End(wire, "instance")
    wire.batch.to_client(client, b"1")
    wire.batch.to_instance(instance, b"2")
    wire.batch.to_client(client, b"3")
    wire.batch.to_instance(instance, b"4")
    assert wire.written == []
    assert len(wire.turns) == 1, "one call for all of a turn"
    wire.end_turn()
    assert wire.written == [
        ("instance", b"2"),
        ("instance", b"4"),
        ("client", b"1"),
        ("client", b"3"),
    ]


def test_each_turn_asks_for_its_own_end() -> None:
    wire = Turns()
    end = End(wire, "a")
    wire.batch.to_client(end, b"1")
    wire.end_turn()
    wire.batch.to_client(end, b"2")
    assert len(wire.turns) == 1
    wire.end_turn()
    assert wire.written == [("a", b"1"), ("a", b"2")]


def test_a_large_piece_is_written_at_once_after_what_came_before() -> None:
    wire = Turns()
    client, instance = End(wire, "client"), End(wire, "instance")
    wire.batch.to_client(client, b"1")
    wire.batch.to_client(client, LARGE)
    assert wire.written == [("client", b"1"), ("client", LARGE)]
    wire.batch.to_instance(instance, LARGE)
    assert wire.written[-1] == ("instance", LARGE)
    wire.end_turn()
    assert len(wire.written) == 3, "nothing is written twice"


def test_no_more_waits_than_the_bound_however_small_the_pieces_are() -> None:
    wire = Turns()
    end = End(wire, "a")
    for _ in range(100):
        wire.batch.to_client(end, b"x" * 1024)
    assert sum(len(data) for _, data in wire.written) > 100 * 1024 - MOST_BYTES - 1024
    wire.end_turn()
    assert len(wire.written) == 100


def test_what_closes_meanwhile_gets_nothing() -> None:
    wire = Turns()
    one, other = End(wire, "one"), End(wire, "other")
    wire.batch.to_client(one, b"1")
    wire.batch.to_client(other, b"2")
    one.closing = True
    wire.end_turn()
    assert wire.written == [("other", b"2")]


def test_flushed_before_a_close_nothing_is_lost() -> None:
    wire = Turns()
    end = End(wire, "a")
    wire.batch.to_client(end, b"1")
    wire.batch.flush()
    end.closing = True
    wire.end_turn()
    assert wire.written == [("a", b"1")]


def test_one_that_breaks_takes_no_other_down() -> None:
    wire = Turns()
    broken, sound = End(wire, "broken", fails=True), End(wire, "sound")
    wire.batch.to_instance(broken, b"1")
    wire.batch.to_client(sound, b"2")
    wire.end_turn()
    assert wire.written == [("sound", b"2")]
    assert broken.closing


def test_without_turns_every_write_is_made_at_once() -> None:
    wire = Turns()
    batch = WriteBatch()
    batch.to_client(End(wire, "a"), b"1")
    batch.to_instance(End(wire, "b"), b"2")
    assert wire.written == [("a", b"1"), ("b", b"2")]
