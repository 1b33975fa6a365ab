import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from aether.store.process.logs import log_as_json
log_as_json("node-1", "info")
structlog.get_logger().debug("left out")
structlog.get_logger().info("said", value=3)
logging.getLogger("library").warning("of a library %s", 7)
try:
    raise ValueError("why")
except ValueError:
    structlog.get_logger().exception("failed")
"""


def test_every_line_is_json_and_names_its_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True
    )
    said, library, failed = (json.loads(line) for line in done.stderr.splitlines())
    assert (said["event"], said["value"], said["node"]) == ("said", 3, "node-1")
    assert said["process"] == "store"
    assert (library["event"], library["level"]) == ("of a library 7", "warning")
    assert "ValueError: why" in failed["exception"]
