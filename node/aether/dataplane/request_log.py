"""What the access log is told of the requests of one client connection."""

import time

from aether.core.dataplane.trace_context import trace_id_of
from aether.dataplane.access_log import Access, AccessLog
from aether.dataplane.exchange import Exchange
from aether.dataplane.heads import RequestHead
from aether.dataplane.routing import Forward


class RequestLog:
    """Writes down the requests of one client, of those the log wants."""

    __slots__ = ("_client", "_log", "wants")

    def __init__(self, log: AccessLog, client: str) -> None:
        self._log = log
        self._client = client
        self.wants = log.wants

    def carried(
        self, head: RequestHead, request_id: str, forward: Forward, exchange: Exchange, now: float
    ) -> None:
        """Write down a request an exchange has carried to its end, which is now; see `wants`."""
        seconds = now - exchange.began
        endpoint, row = exchange.endpoint, forward.row
        self._log.add(
            Access(
                time=time.time(),
                method=head.method,
                path=head.path,
                host=head.host,
                route="" if row is None else f"{row.method} {row.pattern}",
                slice=forward.slice,
                version="" if endpoint is None else str(endpoint.instance.version),
                instance="" if endpoint is None else endpoint.instance,
                status=exchange.status,
                bytes_in=exchange.bytes_in,
                bytes_out=exchange.bytes_out,
                seconds=seconds,
                retries=exchange.retries,
                trace_id=exchange.trace_id,
                request_id=request_id,
                client=self._client,
            )
        )

    def answered(self, head: RequestHead | None, request_id: str, status: int) -> None:
        """Write down a request the router answered itself; without a head it was none."""
        if not self._log.wants(status, 0.0):
            return
        self._log.add(
            Access(
                time=time.time(),
                method="" if head is None else head.method,
                path="" if head is None else head.path,
                host="" if head is None else head.host,
                route="",
                slice="",
                version="",
                instance="",
                status=status,
                bytes_in=0,
                bytes_out=0,
                seconds=0.0,
                retries=0,
                trace_id="" if head is None else _trace_id(head.traceparent),
                request_id=request_id,
                client=self._client,
            )
        )


def _trace_id(traceparent: bytes) -> str:
    return trace_id_of(traceparent) if traceparent else ""
