"""The one table of series: exposition, reference, checks and dashboards are made from it.

Each source's module holds its own rows beside what tells them.
"""

from aether.telemetry.exposition import (
    alerts,
    calls,
    cluster,
    exposition,
    forecasts,
    measured,
    processes,
    routers,
    scaling,
    sending,
    spans,
    store,
    traffic,
)
from aether.telemetry.exposition.series import Series

SERIES: tuple[Series, ...] = (
    *cluster.ROWS,
    *traffic.ROWS,
    *measured.ROWS,
    *scaling.ROWS,
    *forecasts.ROWS,
    *alerts.ROWS,
    *routers.ROWS,
    *store.ROWS,
    *processes.ROWS,
    *calls.ROWS,
    *spans.ROWS,
    *sending.ROWS,
    *exposition.ROWS,
)
"""Every series there can be, in the order of the text."""
