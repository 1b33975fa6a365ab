"""Takes a pushed wheel in: checked, tried, stored, copied, and only then known to the cluster."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

from aether.artifacts.layers import Layers
from aether.artifacts.repository import Repository, check_digest
from aether.artifacts.unpack import unpack_into
from aether.artifacts.wheel import check_filename, read_wheel
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import ArtifactRecord, Manifest, decode, encode
from aether.core.store.commands import Applied, Guard, Put, Txn
from aether.errors import AetherError, ArtifactInvalid, Conflict, OutcomeUnknown, SliceFailed
from aether.ports import Launcher, Replicator, Store

COPIES = 2
"""Other nodes that are to hold a pushed wheel."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Intake:
    """What a node needs to take artifacts in."""

    repository: Repository
    layers: Layers
    launcher: Launcher
    replicator: Replicator
    store: Store
    node: NodeId

    async def accept(
        self, wheel: bytes, filename: str, expected_digest: str | None
    ) -> ArtifactRecord:
        """Take a wheel in and return its record; the same wheel again changes nothing.

        Raises DigestMismatch, ArtifactInvalid, TooLarge, Conflict when the version exists with
        other bytes, Unavailable and OutcomeUnknown from the parts; the cluster's state is then
        unchanged (but for OutcomeUnknown, which says so).
        """
        digest = check_digest(wheel, expected_digest)
        check_filename(filename)
        manifest = await asyncio.to_thread(read_wheel, wheel)
        present = await self._present(manifest, digest)
        if present is not None:
            await asyncio.to_thread(self.repository.put, wheel, digest)
            return present
        manifest = await self._try(wheel, manifest)
        was_here = self.repository.has(digest)
        await asyncio.to_thread(self.repository.put, wheel, digest)
        record = ArtifactRecord(
            digest=digest,
            size=len(wheel),
            filename=filename,
            holders=(self.node,),
            manifest=manifest,
        )
        try:
            return await self._commit(record)
        except OutcomeUnknown:
            raise  # the cluster may know of it: then this copy is needed
        except AetherError:
            if not was_here:
                self.repository.remove(digest)
            raise

    async def _present(self, manifest: Manifest, digest: str) -> ArtifactRecord | None:
        """Return the record of the very same wheel; raise Conflict when the version is taken."""
        artifact = manifest.artifact
        entry = await self.store.get(keys.artifact(artifact))
        if entry is None:
            return None
        record = decode(entry.value, ArtifactRecord)
        if record.digest != digest:
            raise Conflict(
                f"{artifact} exists with other contents (SHA-256 {record.digest}): "
                "a version never changes, so give this one a new version",
                fields={"artifact": artifact, "digest": record.digest},
            )
        return record

    async def _try(self, wheel: bytes, manifest: Manifest) -> Manifest:
        """Import the slice in a throw-away host and return what it offers."""
        layer = await self.layers.layer(manifest.requires)
        scratch = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="aether-probe-"))
        try:
            await asyncio.to_thread(unpack_into, wheel, scratch)
            paths = [str(scratch)] + ([str(layer)] if layer is not None else [])
            return await self.launcher.probe(manifest, paths)
        except SliceFailed as failure:
            if failure.fields.get("kind") != "fatal":
                raise
            raise ArtifactInvalid(failure.message, fields=failure.fields) from failure
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    async def _commit(self, record: ArtifactRecord) -> ArtifactRecord:
        """Copy to other nodes, then make the artifact known, unless somebody else just has."""
        artifact = record.manifest.artifact
        copies = await self.replicator.replicate(artifact, record, COPIES)
        record = ArtifactRecord(
            digest=record.digest,
            size=record.size,
            filename=record.filename,
            holders=(self.node, *(node for node in copies if node != self.node)),
            manifest=record.manifest,
        )
        key = keys.artifact(artifact)
        outcome = await self.store.txn(
            Txn(
                then=(Put(key, encode(record)),),
                guards=(Guard(key, 0),),
                reason=Reason(
                    f"node:{self.node}",
                    "artifact.push",
                    f"{artifact} was pushed, {record.size} bytes, held by {', '.join(record.holders)}",
                ),
            )
        )
        if isinstance(outcome, Applied):
            log.info("artifact taken in", artifact=artifact, holders=list(record.holders))
            return record
        present = await self._present(record.manifest, record.digest)
        if present is None:
            raise Conflict(f"{artifact} was changed while it was pushed: push it again")
        return present
