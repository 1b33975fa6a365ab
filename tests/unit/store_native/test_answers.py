import asyncio

import pytest

from aether.errors import Conflict, Invalid, NoQuorum, OutcomeUnknown, TooLarge, Unavailable
from aether.store.native.answers import (
    failure_of,
    may_be_retried,
    resolve,
    resolve_read,
    transfer_failure,
    value_of,
)
from aether.store.native.results import Applied, Refused, Result, Unknown


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (Refused("no_leader", "nobody leads"), NoQuorum),
        (Refused("superseded", "another's"), NoQuorum),
        (Refused("too_large", "much"), TooLarge),
        (Refused("last_voter", "alone"), Invalid),
        (Refused("unknown_member", "who"), Invalid),
        (Refused("pending_change", "wait"), Conflict),
        (Refused("other_address", "remove it first"), Conflict),
        (Unknown("late"), OutcomeUnknown),
    ],
)
def test_each_result_is_the_error_of_who_must_act(
    result: Refused | Unknown, kind: type[Exception]
) -> None:
    assert type(failure_of(result)) is kind
    with pytest.raises(kind):
        value_of(result)


def test_what_was_applied_is_a_value() -> None:
    assert value_of(Applied(b"7")) == b"7"


def test_a_transfer_that_was_not_made_may_be_asked_for_again() -> None:
    assert type(transfer_failure(Refused("lagging", "slow"))) is Unavailable
    assert type(transfer_failure(Unknown("late"))) is Unavailable
    assert type(transfer_failure(Refused("unknown_member", "who"))) is Invalid


def test_time_heals_some_refusals() -> None:
    assert may_be_retried(Refused("pending_change", ""))
    assert not may_be_retried(Refused("last_voter", ""))


async def test_who_no_longer_waits_is_not_answered() -> None:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()
    read: asyncio.Future[Refused | Unknown | None] = loop.create_future()
    resolve(answer, Applied(b"1"))
    resolve(answer, Unknown("too late"))
    assert answer.result() == Applied(b"1")
    read.cancel()
    resolve_read(read, None)
    assert read.cancelled()
