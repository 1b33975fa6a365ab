"""Engines of consensus by name: the seam behind which one is exchanged for another."""

from aether.errors import ConfigInvalid
from aether.ports import Consensus
from aether.store.spec import ConsensusSpec


def open_consensus(engine: str, spec: ConsensusSpec) -> Consensus:
    """Return a member that has not started; raises ConfigInvalid for an unknown engine."""
    match engine:
        case "pysyncobj":
            # Imported here so that a node of another engine does not load the library.
            from aether.store.pysyncobj.engine import PySyncObjConsensus  # noqa: PLC0415 - see above

            return PySyncObjConsensus(spec)
        case "native":
            # As above.
            from aether.store.native.engine import NativeConsensus  # noqa: PLC0415 - see above

            return NativeConsensus(spec)
        case _:
            raise ConfigInvalid(
                [f"store.engine {engine!r} is unknown: choose 'native' or 'pysyncobj'"]
            )
