"""Logs of slices: what an operator names changes, and the rest is the author's."""

import json
import logging
import subprocess
import sys

PROGRAM = """
import logging, logging.config
from aether.host.slice_logs import *
from aether.logs.orders import LogOrders
import structlog

def say_as(module, method, text, turn):
    code = "import structlog; structlog.get_logger().%s('%s', turn=%d)" % (method, text, turn)
    exec(code, {"__name__": module})

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

def say(turn):
    orders.debug("orders %s", turn)
    rest.debug("no %s", turn)
    rest.info("rest %s", turn)
    say_as("aether.host.life", "info", "aether", turn)
    say_as("shop.bills", "debug", "bill", turn)
    say_as("aetherial", "info", "no part of Aether", turn)

say(1)
heed_as_host(LogOrders(level="info"))
say(2)
heed_as_host(LogOrders(level="error", loggers={"shop": "debug"}))
say(3)
heed_as_host(LogOrders(level="debug", loggers={"shop.bills": "error"}))
say(4)
"""


def test_what_a_slice_logs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.splitlines() == [
        *("orders 1", "rest 1"),
        "rest 2",
        *("orders 3", "no 3", "rest 3"),
        "rest 4",
    ]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    aethers, bills, others = (
        [line["turn"] for line in lines if line["logger"] == name]
        for name in ("aether.host.life", "shop.bills", "aetherial")
    )
    assert aethers == [2, 4], "Aether's own follow the level for all"
    assert bills == [1, 2, 3], "those of slices do not, but for what an operator names"
    assert others == [1, 2, 3, 4]
    assert logging.root.manager.loggerDict.get("shop.orders") is None
