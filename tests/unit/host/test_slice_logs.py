"""Logs of slices: what an operator names changes, and the rest is the author's."""

import logging
import subprocess
import sys

PROGRAM = """
import logging, logging.config
from aether.host.slice_logs import *
from aether.logs.orders import LogOrders
import structlog

configure_launcher()
heed_as_launcher(LogOrders(level="warning", loggers={"shop.orders": "debug"}))
configure_host()
logging.config.dictConfig({
    "version": 1,
    "handlers": {"out": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["out"], "level": "INFO"},
})
heed_inherited()
orders, rest = logging.getLogger("shop.orders.sql"), logging.getLogger("shop")
aethers = structlog.get_logger()

def say(turn):
    orders.debug("orders %s", turn)
    rest.debug("no %s", turn)
    rest.info("rest %s", turn)
    aethers.info("aether", turn=turn)

say(1)
heed_as_host(LogOrders(level="info"))
say(2)
heed_as_host(LogOrders(level="error", loggers={"shop": "debug"}))
say(3)
"""


def test_what_a_slice_logs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.splitlines() == [
        *("orders 1", "rest 1"),
        "rest 2",
        *("orders 3", "no 3", "rest 3"),
    ]
    (line,) = done.stdout.splitlines()
    assert '"turn": 2' in line
    assert '"logger": "__main__"' in line
    assert logging.root.manager.loggerDict.get("shop.orders") is None
