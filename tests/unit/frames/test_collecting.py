"""A process that has loaded its code collects seldom."""

import subprocess
import sys

SCRIPT = """
import gc
from aether.collecting import EVERY, collect_seldom
collect_seldom()
assert gc.get_threshold()[0] == EVERY, gc.get_threshold()
collect_seldom(50_000)
assert gc.get_threshold()[0] == 50_000, gc.get_threshold()
assert gc.isenabled()
assert gc.get_freeze_count() > 1000, gc.get_freeze_count()
print("tuned")
"""


def test_what_was_loaded_is_left_out_of_collections_and_they_are_rare() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout == "tuned\n", ran.stderr
