import msgspec
import pytest

from aether import errors
from aether.api.problems import (
    KINDS,
    Forbidden,
    Malformed,
    MethodNotAllowed,
    NotReady,
    kind_of,
    problem_response,
    unexpected_response,
)
from aether.errors import AetherError


def _family(kind: type[AetherError]) -> list[type[AetherError]]:
    return [kind, *(found for inner in kind.__subclasses__() for found in _family(inner))]


def test_every_error_of_the_family_is_mapped() -> None:
    for kind in _family(AetherError)[1:]:
        assert any(issubclass(kind, known) for known in KINDS), kind


def test_no_mapping_is_hidden_by_one_before_it() -> None:
    kinds = list(KINDS)
    for position, kind in enumerate(kinds):
        assert not any(issubclass(kind, earlier) for earlier in kinds[:position]), kind


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.Invalid("x"), 422),
        (errors.BlueprintInvalid(["x"]), 422),
        (errors.DigestMismatch("x"), 422),
        (Malformed("x"), 400),
        (errors.NotFound("x"), 404),
        (MethodNotAllowed("x"), 405),
        (errors.TooLarge("x"), 413),
        (errors.Conflict("x"), 409),
        (errors.NotLeader("x"), 409),
        (Forbidden("x"), 403),
        (errors.NoQuorum("x"), 503),
        (NotReady("x"), 503),
        (errors.OutcomeUnknown("x"), 504),
        (errors.SliceFailed("x"), 500),
        (AetherError("x"), 500),
    ],
)
def test_status_follows_who_must_act(error: AetherError, status: int) -> None:
    assert kind_of(type(error)).status == status
    assert (problem_response(error, "r").headers.get("retry-after") == "1") is (status == 503)


def test_a_problem_document_holds_everything() -> None:
    error = errors.BlueprintInvalid(["a", "b"])
    response = problem_response(error, "r-1")
    assert response.headers["content-type"] == "application/problem+json"
    assert msgspec.json.decode(response.body) == {
        "type": "urn:aether:problem:blueprint_invalid",
        "title": "Invalid request",
        "status": 422,
        "detail": "a\nb",
        "code": "blueprint_invalid",
        "instance": "r-1",
        "advice": "Change the request; as it is it cannot succeed.",
        "problems": ["a", "b"],
    }


def test_fields_never_replace_the_members_of_the_document() -> None:
    response = problem_response(errors.Invalid("x", fields={"status": 200, "odd": object}), "r")
    document = msgspec.json.decode(response.body)
    assert document["status"] == 422
    assert "object" in document["odd"]


def test_an_unexpected_error_names_the_request_alone() -> None:
    document = msgspec.json.decode(unexpected_response("r-1").body)
    assert (document["status"], document["code"], document["instance"]) == (500, "internal", "r-1")
