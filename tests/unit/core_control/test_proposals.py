"""What an advisor may say, and what is done of it."""

import msgspec
import pytest

from aether.core.control import proposals
from aether.core.control.proposals import Asked, Proposal, decide, inputs_of, read_answer, why
from aether.core.control.replay import reevaluate
from aether.core.model.reason import Reason

FREE = Asked(
    instances=4, target=2, least=1, most=10, room=20, need=1, since_advice_s=1e9, cooldown_s=60.0
)


@pytest.mark.parametrize(
    ("changes", "decision", "said"),
    [
        ({}, "take", "2 → 4, as an advisor proposes"),
        ({"instances": 1}, "take", "2 → 1"),
        ({"held": "a roll-out runs"}, "refuse held", "a roll-out runs"),
        ({"instances": 2}, "refuse same", "2 are wanted already"),
        ({"instances": 11}, "refuse bounds", "1 to 10 are allowed"),
        ({"room": 3}, "refuse room", "room for 3"),
        ({"instances": 1, "need": 2}, "refuse load", "needs 2"),
        (
            {"instances": 1, "keep": "watched for 3 s"},
            "refuse keep",
            "2 → 1 refused: watched for 3 s",
        ),
        ({"instances": 3, "keep": "watched for 3 s"}, "take", "2 → 3"),
        ({"since_advice_s": 30.0}, "refuse cooldown", "30 s ago"),
    ],
)
def test_the_guards(changes: dict[str, object], decision: str, said: str) -> None:
    asked = msgspec.structs.replace(FREE, **changes)
    assert decide(asked) == decision
    assert said in why(asked, decision)
    reason = Reason("", proposals.RULE, "", inputs_of(asked, decision))
    assert reevaluate(reason) == decision


def test_a_good_answer_is_read() -> None:
    body = b'{"proposals": [{"slice": "a:b", "instances": 3, "reason": "noon"}, {"slice": "a:c", "instances": 1}]}'
    assert read_answer(body) == (Proposal("a:b", 3, "noon"), Proposal("a:c", 1))
    assert read_answer(b"{}") == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"actions": []}',
        b'{"proposals": [{"slice": "a:b"}]}',
        b'{"proposals": [{"slice": "a:b", "instances": 0}]}',
        b'{"proposals": [{"slice": "a:b", "instances": 1.5}]}',
        b'{"proposals": [{"slice": "a:b", "instances": 1, "force": true}]}',
        b'{"proposals": [{"slice": "a:b", "instances": 1}, {"slice": "a:b", "instances": 2}]}',
        b'{"proposals": ' + b"[" * 5000,
        b" " * (proposals.MAX_ANSWER_BYTES + 1),
        msgspec.json.encode(
            {"proposals": [{"slice": f"a:b{n}", "instances": 1} for n in range(101)]}
        ),
    ],
)
def test_any_other_answer_is_refused_whole(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_answer(body)


def test_inputs_of_another_rule_are_refused() -> None:
    with pytest.raises(ValueError, match="no proposal"):
        reevaluate(Reason("", proposals.RULE, "", {"instances": '"many"'}))
