"""The files an Envoy at the edge reads: each replaced whole, in an order that never breaks a route."""

import asyncio
import json
from pathlib import Path

import msgspec

from aether.core.dataplane.envoy import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    Files,
    bootstrap,
    snapshot,
    steps,
)
from aether.core.dataplane.envoy_listener import ROUTES, Json, Place
from aether.core.dataplane.table import Table
from aether.whole_files import write_whole

BOOTSTRAP = "bootstrap.json"
MAX_FILE_BYTES = 64 * 1024 * 1024


class EnvoyFiles:
    """Keeps a folder saying what the routing table says; Envoy sees each rename.

    The folder belongs to one node. What is there when the node starts is what Envoy goes by until then.
    """

    def __init__(self, place: Place) -> None:
        self._place, self._folder = place, Path(place.folder)
        self._said: Files | None = None

    def write(self, table: Table) -> list[str]:
        """Write what has changed and return which files; raise OSError when the folder cannot be written."""
        if self._said is None:
            self._said = self._found()
            self._replace(BOOTSTRAP, bootstrap(str(self._folder)))
        after = snapshot(table, self._place)
        written = list[str]()
        for path, content in steps(self._said, after):
            self._replace(path, content)
            written.append(path)
        self._said = after
        for left in (self._folder / ENDPOINTS).glob("*.json"):
            if f"{ENDPOINTS}/{left.name}" not in after:
                left.unlink(missing_ok=True)
        return written

    def _replace(self, path: str, content: Json) -> None:
        write_whole(self._folder / path, msgspec.json.encode(content, enc_hook=str))

    def _found(self) -> Files:
        """Return the files that an earlier life of the node has left, as far as they can be read."""
        found: dict[str, Json] = {}
        for path in (CLUSTERS, ROUTES, LISTENERS):
            try:
                with (self._folder / path).open("rb") as file:
                    value = json.loads(file.read(MAX_FILE_BYTES))
            except (OSError, ValueError):
                continue  # it is written anew
            if isinstance(value, dict) and _has_names(value.get("resources")):
                found[path] = value
        return found


def _has_names(resources: object) -> bool:
    return isinstance(resources, list) and all(
        isinstance(each, dict) and isinstance(each.get("name"), str) for each in resources
    )


class EnvoyEdge:
    """Keeps one Envoy on the routing table, by files alone: whether it runs makes no difference."""

    def __init__(self, files: EnvoyFiles) -> None:
        self._files = files
        self._failed = False

    @property
    def is_behind(self) -> bool:
        """Whether the last files could not be written."""
        return self._failed

    async def tell(self, table: Table) -> None:
        """Write what has changed, off the loop; raise OSError when the folder cannot be written."""
        self._failed = True
        await asyncio.to_thread(self._files.write, table)
        self._failed = False
