"""Limits and timings of the cluster service, equal on both ends of a connection."""

from typing import Final

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Largest body of a forwarded management call or of its answer."""

MAX_MESSAGE_BYTES: Final = MAX_BODY_BYTES + 256 * 1024
"""Largest message: a body, and room for the headers beside it."""

CHUNK_BYTES: Final = 256 * 1024
"""Size of an artifact chunk."""

MAX_CALLS: Final = 512
"""Most calls a server answers at once; more are refused as RESOURCE_EXHAUSTED."""

MAX_CHANNELS: Final = 64
"""Most connections to peers kept open; the one idle longest is closed for a new one."""

CONNECT_S: Final = 2.0
"""Longest time to reach a peer before it counts as unreachable."""

FORMATION_CALL_S: Final = 1.0
"""Deadline of an announcement; well below the promise of `core.agent.formation`."""

FOUND_CALL_S: Final = 2.0
"""Deadline of a proposal at one member."""

JOIN_CALL_S: Final = 15.0
"""Deadline of a join: the receiver changes the membership twice at most, 5 s each."""

FORWARD_CALL_S: Final = 30.0
"""Deadline of a forwarded management call."""

FETCH_CALL_S: Final = 60.0
"""Deadline for a whole artifact from one peer."""

REPLICATE_CALL_S: Final = 30.0
"""Deadline for all copies of an artifact together."""

REPORT_STREAM_S: Final = 600.0
"""Life of one report stream; it is opened anew after that."""

CHANNEL_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_retries", 0),  # a retry of a write is the caller's decision
    ("grpc.enable_http_proxy", 0),  # peers are reached directly, whatever the environment says
    ("grpc.use_local_subchannel_pool", 1),  # a closed channel closes its connection
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)
"""A silent connection is given up after 8 s, a lost one is tried again within a second."""

SERVER_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),  # a second node on the same port is an error, not a partner
    ("grpc.http2.min_ping_interval_without_data_ms", 2_500),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)
