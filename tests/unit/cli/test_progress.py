"""How far a change has come, and what is new about it."""

from typing import Any

import pytest

from aether.cli.failures import CliError
from aether.cli.progress import degraded_lines, news, read_blueprint, read_slice


def slice_status(active: int, phases: list[str], **fields: Any) -> dict[str, Any]:
    return {
        "base": "g:a",
        "version": "1.0.0",
        "owner": "g:app",
        "wanted": 2,
        "active": active,
        "instances": [{"instance": f"g:a:1.0.0/{n}", "phase": p} for n, p in enumerate(phases)],
        "reasons": [],
        **fields,
    }


def blueprint_status(state: str, *slices: dict[str, Any]) -> dict[str, Any]:
    return {"id": "g:app:1.0.0", "generation": 1, "state": state, "slices": list(slices)}


def test_a_slice_is_whole_when_all_serve_and_none_is_left_over() -> None:
    assert read_slice(slice_status(2, ["ACTIVE", "ACTIVE"])).is_whole
    assert not read_slice(slice_status(1, ["ACTIVE", "LOADING"])).is_whole
    assert not read_slice(slice_status(2, ["ACTIVE"] * 3)).is_whole
    assert read_slice(slice_status(1, ["ACTIVE", "FAILED"])).has_failed


@pytest.mark.parametrize("answer", [{}, None, "x", {"state": "DEPLOYED", "slices": [{}]}])
def test_answers_of_another_shape(answer: Any) -> None:
    with pytest.raises(CliError, match="is not a"):
        read_blueprint(answer)


def test_every_change_is_told_once() -> None:
    first = read_blueprint(
        blueprint_status("DEPLOYING", slice_status(0, [], reasons=["0 of 2 instances serve"]))
    )
    assert list(news(None, first)) == ["g:a:1.0.0 0/2 serve", "DEPLOYING"]
    assert list(news(first, first)) == []
    second = read_blueprint(
        blueprint_status(
            "DEPLOYING",
            slice_status(1, ["ACTIVE", "FAILED"], reasons=["it broke", "1 of 2 instances serve"]),
        )
    )
    assert list(news(first, second)) == ["g:a:1.0.0 1/2 serve: it broke"]
    done = read_blueprint(blueprint_status("DEPLOYED"))
    assert list(news(second, done)) == ["g:a is gone", "DEPLOYED"]


def test_what_is_on_its_way_out_is_counted() -> None:
    seen = read_blueprint(blueprint_status("REMOVING", slice_status(1, ["ACTIVE"], wanted=0)))
    assert "1 more on the way out" in next(news(None, seen))


def test_what_a_slice_has_to_do_without_is_shown_and_told() -> None:
    told = "g:a serves without g:b, which has no active instance"
    degraded = slice_status(2, ["ACTIVE", "ACTIVE"], degraded=[told])
    assert degraded_lines([slice_status(2, []), degraded]) == ["", "degraded:", f"  {told}"]
    assert degraded_lines([slice_status(2, [])]) == []
    assert read_slice(degraded).reasons == (told,)
    assert read_slice(degraded).is_whole
