"""Errors on the way through gRPC: ours to a status with the whole error as data, and back."""

from typing import Any, Final

import grpc
import msgspec

from aether import errors
from aether.errors import (
    AetherError,
    Conflict,
    Invalid,
    OutcomeUnknown,
    SliceFailed,
    TooLarge,
    Unavailable,
)

METADATA_KEY: Final = "aether-error-bin"
"""Trailing metadata that carries an error of ours, as msgpack."""

MAX_DETAIL_BYTES: Final = 6 * 1024
"""Largest error carried; gRPC peers refuse more than 8 KiB of metadata."""


class _Carried(msgspec.Struct):
    """An error as it travels."""

    kind: str
    code: str
    message: str
    fields: dict[str, Any]  # JSON values, whatever the raiser put there


_KINDS: Final[dict[str, tuple[type[AetherError], grpc.StatusCode]]] = {
    "invalid": (Invalid, grpc.StatusCode.INVALID_ARGUMENT),
    "conflict": (Conflict, grpc.StatusCode.ABORTED),
    "unavailable": (Unavailable, grpc.StatusCode.UNAVAILABLE),
    "outcome_unknown": (OutcomeUnknown, grpc.StatusCode.DEADLINE_EXCEEDED),
    "slice_failed": (SliceFailed, grpc.StatusCode.UNKNOWN),
}
"""The five kinds by the code of their base class."""


def _family(base: type[AetherError]) -> dict[str, type[AetherError]]:
    """Return a class and its subclasses by code; one without a code of its own is its parent on the wire."""
    found = {base.code: base}
    for kind in base.__subclasses__():
        found = _family(kind) | found
    return found


def to_status(error: AetherError) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Return status, message and trailing metadata that say what `error` says."""
    kind = next((name for name, (base, _) in _KINDS.items() if isinstance(error, base)), "")
    code = _KINDS[kind][1] if kind else grpc.StatusCode.UNKNOWN
    carried = _Carried(kind, error.code, error.message, dict(error.fields))
    try:
        detail = msgspec.msgpack.encode(carried)
    except TypeError:
        detail = b""
    if not 0 < len(detail) <= MAX_DETAIL_BYTES:
        short = _Carried(kind, error.code, error.message[:1024], {})
        detail = msgspec.msgpack.encode(short)
    return code, error.message[:1024], ((METADATA_KEY, detail),)


def from_rpc_error(
    error: grpc.aio.AioRpcError, what: str, *, may_have_happened: bool
) -> AetherError:
    """Return the error of ours that `error` stands for; `what` names the call and the peer.

    Without an error of ours inside, a broken connection or a passed deadline is OutcomeUnknown
    when the call `may_have_happened` with an effect, else Unavailable.
    """
    for key, value in error.trailing_metadata() or ():
        if key == METADATA_KEY and isinstance(value, bytes):
            carried = _read(value)
            if carried is not None:
                return carried
    return _from_code(
        error.code(),
        f"{what}: {error.details() or error.code().name}",
        may_have_happened=may_have_happened,
    )


def _read(value: bytes) -> AetherError | None:
    try:
        carried = msgspec.msgpack.decode(value, type=_Carried)
    except msgspec.MsgspecError:
        return None
    if carried.kind not in _KINDS:
        return None
    base = _KINDS[carried.kind][0]
    kind = _family(base).get(carried.code, base)
    problems = carried.fields.get("problems")
    if issubclass(kind, errors.ConfigInvalid | errors.BlueprintInvalid):
        return kind([str(problem) for problem in problems] if isinstance(problems, list) else [])
    error = kind(carried.message, fields=carried.fields)
    error.code = carried.code
    return error


def _from_code(code: grpc.StatusCode, text: str, *, may_have_happened: bool) -> AetherError:
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return TooLarge(text)
    if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED):
        return Invalid(text)
    if may_have_happened:
        return OutcomeUnknown(text)
    return Unavailable(text)
