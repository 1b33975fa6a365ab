"""Calls about artifacts: push a wheel, list what the cluster holds."""

import re

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, LIST, Endpoint, v1
from aether.api.paging import page
from aether.api.views import read_view
from aether.core.model import keys
from aether.core.model.ids import Artifact
from aether.core.model.records import ArtifactRecord, to_plain
from aether.errors import Invalid

MAX_WHEEL_BYTES = 64 * 1024 * 1024
"""Largest wheel taken; it is held in memory while it is checked."""

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_FILENAME = re.compile(r"[A-Za-z0-9_.!+-]{1,200}\.whl")


async def list_artifacts(context: Context, call: Call) -> Answer:
    """Answer with every artifact the cluster holds."""
    view = await read_view(context.store, call.consistency)
    records = ((str(artifact), record) for artifact, record in view.artifacts.items())
    return Answer(value=page(records, call.query.get("cursor"), call.limit, _artifact))


def _artifact(record: ArtifactRecord) -> dict[str, object]:
    plain: dict[str, object] = to_plain(record)
    return {"artifact": record.manifest.artifact, **plain}


async def push(context: Context, call: Call) -> Answer:
    """Take a wheel: checked, imported once on trial, stored and copied to other nodes.

    The same wheel again is answered 200 and changes nothing.
    """
    if not call.body:
        raise Invalid("the body is empty: send the wheel's bytes")
    digest, filename = _digest(call), _filename(call)
    known = _known(context)
    record = await context.intake.accept(call.body, filename, digest)
    status = 200 if record.manifest.artifact in known else 201
    return Answer(value=_artifact(record), status=status)


def _known(context: Context) -> set[Artifact]:
    entries = context.store.level([keys.ARTIFACTS]).entries
    return {Artifact(entry.key.removeprefix(keys.ARTIFACTS)) for entry in entries}


def _digest(call: Call) -> str | None:
    text = call.query.get("digest", call.headers.get("digest"))
    if text is None:
        return None
    found = _DIGEST.fullmatch(text)
    if found is None:
        raise Invalid(f"digest {text[:100]!r} is not sha256: and 64 hexadecimal digits")
    return found[1].lower()


def _filename(call: Call) -> str:
    text = call.query.get("filename") or call.headers.get("x-filename") or "artifact.whl"
    if not _FILENAME.fullmatch(text):
        raise Invalid(f"filename {text[:100]!r} is not the name of a wheel: expected NAME.whl")
    return text


_PUSH = {
    "filename": "name of the wheel; header `x-filename` does as well",
    "digest": "`sha256:…` the bytes must have; header `digest` does as well",
}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("artifacts"), name="artifact.list",
        handler=list_artifacts, answers="artifacts the cluster holds",
        query={**LIST, **FRESH},
    ),
    Endpoint(
        method="POST", path=v1("artifacts"), name="artifact.push", handler=push,
        answers="the artifact's record; 200 when the cluster had this very wheel",
        role="operator", takes="the wheel's bytes", query=_PUSH, status=201,
        body_limit=MAX_WHEEL_BYTES,
    ),
)  # fmt: skip
