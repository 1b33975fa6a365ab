import os
from pathlib import Path

import pytest

from aether.errors import ConfigInvalid
from aether.store.process.lock import take_lock


def test_one_store_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    lock = take_lock(tmp_path)
    with pytest.raises(ConfigInvalid, match="belongs to a store that is running"):
        take_lock(tmp_path)
    os.close(lock)
    os.close(take_lock(tmp_path))
