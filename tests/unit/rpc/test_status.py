"""Errors keep class, code, message and fields through gRPC."""

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from aether import errors
from aether.errors import AetherError
from aether.rpc.status import MAX_DETAIL_BYTES, METADATA_KEY, from_rpc_error, to_status

ALL = [
    errors.Invalid("bad", fields={"a": 1}),
    errors.ConfigInvalid(["x", "y"]),
    errors.BlueprintInvalid(["x: y"]),
    errors.DigestMismatch("digest", fields={"expected": "a", "actual": "b"}),
    errors.TooLarge("big"),
    errors.NotFound("none"),
    errors.Conflict("again", fields={"revision": 7}),
    errors.NotLeader("no", fields={"leader": "node-2"}),
    errors.Unavailable("later"),
    errors.NoQuorum("alone"),
    errors.OutcomeUnknown("who knows"),
    errors.SliceFailed("boom", fields={"type": "KeyError", "trace": ["a", "b"]}),
]


def travelled(error: AetherError) -> AetherError:
    code, message, metadata = to_status(error)
    caught = AioRpcError(code, Metadata(), Metadata(*metadata), details=message)
    return from_rpc_error(caught, "a call", may_have_happened=True)


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.code)
def test_an_error_arrives_as_it_left(error: AetherError) -> None:
    arrived = travelled(error)
    assert type(arrived) is type(error)
    assert (arrived.code, arrived.message, arrived.fields) == (
        error.code,
        error.message,
        error.fields,
    )


def test_a_class_without_a_code_of_its_own_arrives_as_its_parent() -> None:
    class Special(errors.Unavailable):
        pass

    assert type(travelled(Special("later"))) is errors.Unavailable
    assert type(travelled(errors.Unavailable("later"))) is errors.Unavailable


def test_an_unknown_code_arrives_as_its_kind_with_the_code() -> None:
    class Newer(errors.Conflict):
        code = "from_the_future"

    newer = Newer("later version")
    Newer.code = "renamed"
    newer.code = "from_the_future"
    arrived = travelled(newer)
    assert type(arrived) is errors.Conflict
    assert arrived.code == "from_the_future"


def test_an_error_too_large_to_carry_keeps_code_and_sentence() -> None:
    long = errors.SliceFailed("boom", fields={"trace": "x" * 2 * MAX_DETAIL_BYTES})
    _, _, ((_, detail),) = to_status(long)
    assert len(detail) <= MAX_DETAIL_BYTES
    arrived = travelled(long)
    assert (type(arrived), arrived.message) == (errors.SliceFailed, "boom")


def test_fields_that_cannot_travel_do_not_stop_the_error() -> None:
    arrived = travelled(errors.Invalid("bad", fields={"object": object()}))
    assert (type(arrived), arrived.message) == (errors.Invalid, "bad")


@pytest.mark.parametrize(
    ("code", "may_have_happened", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, False, errors.Unavailable),
        (grpc.StatusCode.UNAVAILABLE, True, errors.OutcomeUnknown),
        (grpc.StatusCode.DEADLINE_EXCEEDED, False, errors.Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, True, errors.OutcomeUnknown),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, True, errors.TooLarge),
        (grpc.StatusCode.UNIMPLEMENTED, True, errors.Invalid),
        (grpc.StatusCode.INTERNAL, True, errors.OutcomeUnknown),
    ],
)
def test_statuses_without_an_error_of_ours(
    code: grpc.StatusCode, may_have_happened: bool, kind: type[AetherError]
) -> None:
    caught = AioRpcError(code, Metadata(), Metadata(), details="d")
    arrived = from_rpc_error(caught, "join", may_have_happened=may_have_happened)
    assert type(arrived) is kind
    assert arrived.message == "join: d"


@pytest.mark.parametrize("detail", [b"", b"\xc1", b"\x80", b"\x84\xa4kind"])
def test_a_broken_detail_falls_back_to_the_status(detail: bytes) -> None:
    metadata = Metadata((METADATA_KEY, detail))
    caught = AioRpcError(grpc.StatusCode.ABORTED, Metadata(), metadata, details="d")
    assert type(from_rpc_error(caught, "x", may_have_happened=False)) is errors.Unavailable
