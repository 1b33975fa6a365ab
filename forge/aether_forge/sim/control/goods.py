"""What simulated operators deploy: a shop of slices that require each other, and one that stands alone."""

from collections.abc import Mapping

from aether.core.model import keys
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.reason import Reason
from aether.core.model.records import ArtifactRecord, Dependency, Manifest, Route, encode
from aether.core.store.commands import Put, Txn

SHOP = SliceBase("org.example:shop")
STOCK = SliceBase("org.example:stock")
FRONT = SliceBase("org.example:front")
MAIL = SliceBase("org.example:mail")

SLICES: Mapping[SliceBase, tuple[Dependency, ...]] = {
    STOCK: (),
    SHOP: (Dependency(slice=STOCK),),
    FRONT: (Dependency(slice=SHOP), Dependency(slice=MAIL, required=False)),
    MAIL: (),
}
VERSIONS = ("1.0.0", "1.1.0", "2.0.0")
APP = SliceBase("org.example:app")
"""The blueprint of shop, stock and front."""
POST = SliceBase("org.example:post")
"""The blueprint of mail."""


def artifact_record(base: SliceBase, version: str) -> ArtifactRecord:
    """Return what the cluster holds of one artifact."""
    artifact = Artifact.of(base, version)
    name = base.partition(":")[2]
    return ArtifactRecord(
        digest="0" * 64,
        size=1,
        filename=f"{name}-{version}.whl",
        holders=(),
        manifest=Manifest(
            artifact=artifact,
            entry="app:App",
            kind="slice",
            dependencies=SLICES.get(base, ()),
            routes=(Route(method="GET", pattern=f"/{name}"),),
        ),
    )


def push(record: ArtifactRecord) -> Txn:
    """Return the transaction that makes an artifact known."""
    artifact = record.manifest.artifact
    put = Put(keys.artifact(artifact), encode(record))
    return Txn((put,), Reason("api:operator", "api.artifacts.push", f"{artifact} is pushed"))
