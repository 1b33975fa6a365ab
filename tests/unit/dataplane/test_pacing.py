"""How slow a client may be."""

import socket

from aether.dataplane.limits import Limits
from aether.dataplane.pacing import BodyPace, ReadProgress, unsent_bytes
from tests.unit.dataplane.fakes import Transport

LIMITS = Limits(body_grace_s=10.0, least_bytes_per_s=100.0, stall_s=5.0)


def test_a_body_has_its_grace_and_then_a_rate() -> None:
    pace = BodyPace()
    pace.begin(1000.0)
    assert not pace.is_too_slow(0, 1010.0, LIMITS)
    assert pace.is_too_slow(99, 1011.0, LIMITS)
    assert not pace.is_too_slow(100, 1011.0, LIMITS)
    assert not pace.is_too_slow(0, 1e9, Limits(least_bytes_per_s=0.0))


def test_time_a_body_was_held_back_is_not_its_own() -> None:
    pace = BodyPace()
    pace.begin(0.0)
    pace.hold(1.0, held=True)
    pace.hold(2.0, held=True)
    assert not pace.is_too_slow(0, 500.0, LIMITS)
    pace.hold(501.0, held=False)
    assert not pace.is_too_slow(0, 510.0, LIMITS)
    assert pace.is_too_slow(0, 511.0, LIMITS)


def test_a_slow_reader_takes_enough_or_does_not() -> None:
    progress = ReadProgress()
    assert progress.is_enough(10_000, LIMITS)
    assert progress.is_enough(9_500, LIMITS)
    assert not progress.is_enough(9_001, LIMITS)
    progress.forget()
    assert progress.is_enough(10_000, LIMITS)
    assert progress.is_enough(100, LIMITS)
    assert progress.is_enough(0, LIMITS), "it has taken all there was"


def test_without_a_rate_a_byte_is_enough() -> None:
    limits, progress = Limits(least_bytes_per_s=0.0), ReadProgress()
    assert progress.is_enough(10, limits)
    assert progress.is_enough(9, limits)
    assert not progress.is_enough(9, limits)


def test_what_the_kernel_holds_counts_as_unsent() -> None:
    ours, peer = socket.socketpair()

    class Real(Transport):
        def get_extra_info(self, name: str, default: object = None) -> object:
            return ours if name == "socket" else default

    transport = Real()
    transport.unsent = 7
    assert unsent_bytes(transport) == 7
    ours.send(b"x" * 1000)
    assert unsent_bytes(transport) >= 1007
    peer.recv(4096)
    assert unsent_bytes(transport) == 7
    ours.close()
    peer.close()
    assert unsent_bytes(transport) == 7
