"""Membership requests are repeated until somebody decides them, and end once."""

from aether.core.model.ids import NodeId
from aether.core.raft.values import Remove
from aether.store.native.packets import ChangeRequest, TransferRequest
from aether.store.native.requests import MOST_REQUESTS, RETRY_S, Requests, Transfer
from aether.store.native.results import Applied, Refused, Unknown
from tests.unit.store_native.native_rig import Ask

A, B, C = (NodeId(name) for name in "abc")


def test_a_request_is_sent_answered_and_decided_once() -> None:
    requests, ask = Requests(10), Ask()
    requests.add(Remove(C), ask.done, 5.0)
    (request,) = requests.due(0.0)
    packet = requests.sent(request, B, 1.0)
    assert packet == ChangeRequest(11, 3, C, "", 4000)
    assert list(requests.due(0.0)) == []
    assert requests.answered(A, 11) is None
    assert requests.answered(B, 11) is request
    requests.decided(request, Applied(b""))
    requests.decided(request, Applied(b"again"))
    assert ask.result == Applied(b"")
    assert len(requests) == 0


def test_what_a_lost_member_was_asked_is_asked_again_under_a_new_number() -> None:
    requests, ask = Requests(0), Ask()
    requests.add(Transfer(None), ask.done, 5.0)
    (request,) = requests.due(0.0)
    assert requests.sent(request, B, 0.0) == TransferRequest(1, "", 5000)
    requests.lost(C, 0.5)
    assert list(requests.due(9.0)) == []
    requests.lost(B, 0.5)
    assert requests.wake_at == 0.5 + RETRY_S
    assert list(requests.due(0.5)) == []
    assert requests.answered(B, 1) is None
    (request,) = requests.due(0.5 + RETRY_S)
    assert requests.sent(request, C, 1.0) == TransferRequest(2, "", 4000)
    assert requests.wake_at == 5.0


def test_the_deadline_tells_apart_what_nobody_was_asked() -> None:
    requests, asked, queued = Requests(0), Ask(), Ask()
    requests.add(Remove(C), asked.done, 5.0)
    (request,) = requests.due(0.0)
    requests.sent(request, B, 0.0)
    requests.undecided(request, 4.0)
    requests.add(Remove(C), queued.done, 5.0)
    requests.expire(4.9)
    assert not asked.is_done
    requests.expire(5.0)
    assert isinstance(asked.result, Unknown)
    assert isinstance(queued.result, Refused)


def test_too_many_are_refused_and_all_end_when_closed() -> None:
    requests = Requests(0)
    asks = [Ask() for _ in range(MOST_REQUESTS + 1)]
    for ask in asks:
        requests.add(Remove(C), ask.done, 5.0)
    assert [ask.is_done for ask in asks].count(True) == 1
    requests.close("stopped", "bye")
    assert all(ask.is_done for ask in asks)
