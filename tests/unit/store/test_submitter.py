from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from aether.core.model.reason import Reason
from aether.core.store.codec import decode_command, encode_result
from aether.core.store.commands import (
    Applied,
    Command,
    LeaseGrant,
    LeaseId,
    Outcome,
    Put,
    Refused,
    Txn,
)
from aether.errors import AetherError, Conflict, Invalid, NotFound, OutcomeUnknown, Unavailable
from aether.store.submitter import Submitter

TXN = Txn((Put("k", b"v"),), Reason("test", "unit", "because"))


def answering(
    outcome: Outcome, *failures: AetherError
) -> tuple[Callable[[bytes, float], Awaitable[bytes]], list[Command]]:
    """Return a proposer that fails as told and then answers, and what it was asked."""
    asked: list[Command] = []
    left = list(failures)

    async def propose(command: bytes, timeout_s: float) -> bytes:
        asked.append(decode_command(command))
        if left:
            raise left.pop(0)
        return encode_result(outcome)

    return propose, asked


async def test_an_outcome_that_is_learnt_late_is_told() -> None:
    refused = Refused(7, message="guards")
    propose, asked = answering(refused, OutcomeUnknown("lost"), Unavailable("starting"))
    assert await Submitter(propose).txn(TXN, 5.0) == refused
    assert len(asked) == 3
    assert asked[0] == asked[1] == asked[2]


async def test_a_reason_tells_when_it_was_submitted_unless_it_says_so_itself() -> None:
    propose, asked = answering(Applied(1), OutcomeUnknown("lost"))
    ticks = iter((1_700_000_000.5, 1_800_000_000.0, 1_900_000_000.0))
    submitter = Submitter(propose, wall=lambda: next(ticks))
    await submitter.txn(TXN, 5.0)
    assert [command.reason.at_ms for command in asked if isinstance(command, Txn)] == [
        *(1_700_000_000_500, 1_700_000_000_500)
    ]
    earlier = Txn(TXN.then, replace(TXN.reason, at_ms=7))
    await submitter.txn(earlier, 5.0)
    last = asked[-1]
    assert isinstance(last, Txn)
    assert last.reason.at_ms == 7


async def test_a_lease_is_granted_under_one_request_id() -> None:
    propose, asked = answering(Applied(1, lease=LeaseId(3)), OutcomeUnknown("lost"))
    assert await Submitter(propose).grant(1.5, 5.0) == 3
    first, second = asked
    assert isinstance(first, LeaseGrant)
    assert first == second
    assert first.ttl_ms == 1500


@pytest.mark.parametrize(
    ("code", "kind"), [("no_lease", NotFound), ("full", Conflict), ("ttl", Invalid)]
)
async def test_refused_leases_are_errors_by_who_must_act(
    code: str, kind: type[AetherError]
) -> None:
    propose, _ = answering(Refused(1, message="why", code=code))
    with pytest.raises(kind, match="why"):
        await Submitter(propose).renew(LeaseId(1), 1.0)


async def test_a_lease_of_no_time_is_refused_before_it_is_asked_for() -> None:
    propose, asked = answering(Applied(1))
    with pytest.raises(Invalid, match="more than 0"):
        await Submitter(propose).grant(0, 1.0)
    assert asked == []


async def test_what_cannot_be_written_as_bytes_is_invalid() -> None:
    propose, _ = answering(Applied(1))
    with pytest.raises(Invalid):
        await Submitter(propose).renew(LeaseId(2**70), 1.0)
