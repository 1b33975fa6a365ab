import pytest
from pydantic import BaseModel, ConfigDict

from aether.api.call import ACTOR, Call
from aether.api.problems import Malformed
from aether.errors import Invalid


class Model(BaseModel):
    number: int
    text: str


def _call(**query: str) -> Call:
    return Call(rule="api.x", request_id="r", query=query)


def test_the_limit_is_bounded() -> None:
    assert _call().limit == 100
    assert _call(limit="1000").limit == 1000
    for odd in ("0", "1001", "-1", "1.5", "", "9" * 5000, "\u0661"):
        with pytest.raises(Invalid, match="limit"):
            _ = _call(limit=odd).limit


@pytest.mark.parametrize(("text", "value"), [("true", True), ("", True), ("0", False)])
def test_flags(text: str, value: bool) -> None:
    assert _call(purge=text).flag("purge") is value
    assert _call().flag("purge") is False


def test_all_problems_of_a_body_come_at_once() -> None:
    call = Call(rule="r", request_id="r", body=b'{"number": "x"}')
    with pytest.raises(Invalid) as caught:
        call.json(Model)
    problems = caught.value.fields["problems"]
    assert isinstance(problems, list)
    assert problems == [
        "number: should be a valid integer, unable to parse string as an integer, got 'x'",
        "text: is required",
    ]


class Strict(Model):
    model_config = ConfigDict(extra="forbid", strict=True)


def test_unknown_keys_of_a_body_are_answered_with_a_guess() -> None:
    body = b'{"numbr": 1, "number": 1, "text": "x", "zzzzzzzz": 2}'
    with pytest.raises(Invalid) as caught:
        Call(rule="r", request_id="r", body=body).json(Strict)
    assert caught.value.fields["problems"] == [
        "numbr: unknown key; did you mean 'number'?",
        "zzzzzzzz: unknown key; known: number, text",
    ]
    with pytest.raises(Invalid, match=r"body: should be an object with number, text$"):
        Call(rule="r", request_id="r", body=b"[1]").json(Strict)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_json(body: bytes) -> None:
    with pytest.raises(Malformed):
        Call(rule="r", request_id="r", body=body).json(Model)


def test_a_reason_names_actor_rule_and_request() -> None:
    reason = _call().reason("because", key="k")
    assert (reason.actor, reason.rule, reason.text) == (ACTOR, "api.x", "because")
    assert reason.inputs == {"request": "r", "key": "k"}
