"""Single values of a blueprint: how each is written, and what it is refused for."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from aether.config.crosscheck import shown
from aether.config.duration import parse_duration
from aether.config.size import parse_size
from aether.core.model.ids import Artifact

MAX_TIMEOUT_S = 3600.0
"""Longest time-out of a route."""
MAX_HOLD_S = 7 * 24 * 3600.0
"""Longest stage of a roll-out."""
MAX_LABEL = 63
"""Characters of a label's name, and of its value."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_./-]*[A-Za-z0-9])?")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_|~-]{1,64}")
_SECRET = re.compile(r"secret:[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")


def _artifact(text: str) -> str:
    return Artifact(text)


def _seconds(value: object, limit_s: float) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f'{shown(value)} is not a length of time: write "5s" or seconds')  # noqa: TRY004 - pydantic collects ValueErrors
    try:
        seconds = parse_duration(value)
    except OverflowError:
        seconds = limit_s + 1
    if seconds > limit_s:
        raise ValueError(f"{shown(value)} is longer than the limit of {limit_s:g} s")
    return seconds


def _timeout(value: object) -> float:
    return _seconds(value, MAX_TIMEOUT_S)


def _hold(value: object) -> float:
    return _seconds(value, MAX_HOLD_S)


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f'{shown(value)} is not an amount of memory: write "256MiB" or bytes')  # noqa: TRY004 - pydantic collects ValueErrors
    return parse_size(value)


def _group(text: str) -> str:
    if len(text) > MAX_LABEL or not _NAME.fullmatch(text):
        raise ValueError(f'{shown(text)} is not a name: write it as "checkout"')
    return text


def _label(text: str) -> str:
    if len(text) > MAX_LABEL or not _LABEL.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is not a label: letters, digits and inner `_`, `.`, `/`, `-`, "
            f"{MAX_LABEL} characters at most"
        )
    return text


def _affinity(text: str) -> str:
    kind, colon, name = text.partition(":")
    is_name = name.isidentifier() if kind == "path" else bool(_TOKEN.fullmatch(name))
    if kind not in ("header", "cookie", "path") or not colon or not is_name:
        raise ValueError(
            f'{shown(text)} is not a key: write "header:NAME", "cookie:NAME" or "path:PARAMETER"'
        )
    return text.lower() if kind == "header" else text


def _secret(text: str) -> str:
    if len(text) > 256 or not _SECRET.fullmatch(text) or ".." in text:
        raise ValueError(f'{shown(text)} is not a secret: write "secret:PATH/NAME"')
    return text


def _is_written(pattern: str, sample: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": pattern, "examples": [sample]})


_DURATION = WithJsonSchema(
    {"type": ["string", "number"], "description": "length of time", "examples": ["500ms", "5s"]}
)
_MEMORY = WithJsonSchema(
    {"type": ["string", "integer"], "description": "amount of memory", "examples": ["256MiB"]}
)

ArtifactName = Annotated[
    str,
    AfterValidator(_artifact),
    _is_written("group:name:version", "org.example:links:1.0.0"),
]
Timeout = Annotated[float, BeforeValidator(_timeout), _DURATION]
Hold = Annotated[float, BeforeValidator(_hold), _DURATION]
Memory = Annotated[int, BeforeValidator(_size), _MEMORY]
Group = Annotated[str, AfterValidator(_group), _is_written("name", "checkout")]
Label = Annotated[str, AfterValidator(_label), _is_written("label", "ssd")]
Affinity = Annotated[
    str,
    AfterValidator(_affinity),
    _is_written("header:NAME, cookie:NAME or path:PARAMETER", "header:x-session"),
]
Secret = Annotated[str, AfterValidator(_secret), _is_written("secret:PATH", "secret:pay/api-key")]
