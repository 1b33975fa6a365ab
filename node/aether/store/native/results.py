"""What becomes of a request to the consensus group: applied, refused or unknown."""

from collections.abc import Callable

import msgspec


class Applied(msgspec.Struct, frozen=True, gc=False):
    """It took effect; `data` is what the state machine answered on this member."""

    data: bytes


class Refused(msgspec.Struct, frozen=True, gc=False):
    """It surely never took effect and never will; it may be asked for again."""

    code: str
    """Those of `aether.core.raft.values.Refusal`, `no_leader` (nobody took it in time),
    `superseded` (another leader's entry stands in its place), `too_large`, `stopped`, `timeout` (of
    a read), `disk_full`, `disk_failed` or `quarantined` (this member takes none)."""
    message: str


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """It may have taken effect, or may yet; the message says why that cannot be told."""

    message: str


Result = Applied | Refused | Unknown

Done = Callable[[Result], None]
"""Told the outcome of a request, exactly once."""

ReadDone = Callable[[Refused | Unknown | None], None]
"""Told exactly once that a read may be served now (None) or that it may not."""
