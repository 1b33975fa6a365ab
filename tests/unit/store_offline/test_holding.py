"""One owner of a data directory at a time."""

from pathlib import Path

import pytest

from aether.errors import ConfigInvalid
from aether.node.data_dir import DataDir
from aether.store.offline.holding import InUse, held
from aether.store.process.lock import take_lock


def test_no_node_and_no_store_start_while_it_is_held(tmp_path: Path) -> None:
    with held(tmp_path):
        with pytest.raises(ConfigInvalid, match="belongs to a node"):
            DataDir(tmp_path)
        with pytest.raises(ConfigInvalid, match="belongs to a store"):
            take_lock(tmp_path)
    DataDir(tmp_path).close()


def test_it_is_not_held_while_a_node_has_it(tmp_path: Path) -> None:
    node = DataDir(tmp_path)
    with pytest.raises(InUse, match="a node runs"), held(tmp_path):
        pass
    node.close()
    with held(tmp_path):
        pass
