from aether.store.pysyncobj.stamps import Stamps, stamped, unstamped


class Hand:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_stamp_travels_with_its_command() -> None:
    assert unstamped(stamped(b"\x02command", 12_345)) == (12_345, b"\x02command")
    assert unstamped(stamped(b"", 2**64 - 1)) == (2**64 - 1, b"")


def test_commands_of_old_journals_have_none() -> None:
    for command in (b"", b"\x01\x91\x02", b"\x01" + bytes(20), b"\x00short"):
        assert unstamped(command) == (0, command)


def test_time_goes_on_from_the_latest_stamp_applied() -> None:
    hand = Hand()
    stamps = Stamps(hand)
    hand.now += 1.5
    assert stamps.time_ms == 1500
    stamps.applied(60_000)
    hand.now += 0.25
    assert (stamps.time_ms, stamps.latest_ms) == (60_250, 60_000)
    stamps.applied(50_000)
    assert stamps.time_ms == 60_250
