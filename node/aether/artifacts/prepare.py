"""Makes an artifact runnable on this node: fetched, unpacked, its dependencies installed."""

import asyncio
from pathlib import Path

from aether.artifacts.layers import Layers
from aether.artifacts.repository import Repository, check_digest
from aether.artifacts.unpack import Unpacker
from aether.core.model.ids import Artifact
from aether.core.model.records import ArtifactRecord
from aether.errors import DigestMismatch, NotFound
from aether.ports import ArtifactSource


class Preparer:
    """Prepares artifacts below one data directory."""

    def __init__(
        self, data_dir: Path, repository: Repository, layers: Layers, source: ArtifactSource
    ) -> None:
        self._repository = repository
        self._unpacker = Unpacker(data_dir, repository)
        self._layers = layers
        self._source = source

    async def prepare(
        self, record: ArtifactRecord, artifact: Artifact | None = None
    ) -> tuple[str, ...]:
        """Return the directories for `sys.path`: the unpacked wheel, then its layer.

        Raises Unavailable when no node has the wheel or its dependencies cannot be installed,
        ArtifactInvalid when the wheel is not what the record says.
        """
        await self._hold(record, artifact or record.manifest.artifact)
        unpacked = await asyncio.to_thread(self._unpacker.unpack, record.digest)
        layer = await self._layers.layer(record.manifest.requires)
        return (str(unpacked), str(layer)) if layer is not None else (str(unpacked),)

    async def _hold(self, record: ArtifactRecord, artifact: Artifact) -> None:
        """Have the wheel here and whole; a damaged copy is fetched again."""
        try:
            await asyncio.to_thread(self._repository.get, record.digest)
        except (NotFound, DigestMismatch):
            wheel = await self._source.fetch(artifact, record)
            check_digest(wheel, record.digest)
            await asyncio.to_thread(self._repository.put, wheel, record.digest)
