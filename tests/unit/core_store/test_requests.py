from aether.core.store.requests import MAX_REQUESTS, Answer, Requests

ANSWER = Answer(applied=True, revision=1, deleted=0)


def test_what_was_asked_lately_is_kept_longest() -> None:
    requests = Requests()
    for number in range(MAX_REQUESTS):
        requests.remember(str(number), ANSWER)
    assert requests.answered("0") == ANSWER
    requests.remember("new", ANSWER)
    assert requests.answered("0") == ANSWER
    assert requests.answered("1") is None
    assert len(requests) == MAX_REQUESTS


def test_no_id_is_never_remembered() -> None:
    requests = Requests()
    requests.remember("", ANSWER)
    assert requests.answered("") is None
    assert len(requests) == 0
