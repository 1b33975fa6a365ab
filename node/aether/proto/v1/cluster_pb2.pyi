from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Node(_message.Message):
    __slots__ = ("node", "cluster_address", "raft_address", "worker")
    NODE_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    RAFT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    node: str
    cluster_address: str
    raft_address: str
    worker: bool
    def __init__(self, node: _Optional[str] = ..., cluster_address: _Optional[str] = ..., raft_address: _Optional[str] = ..., worker: _Optional[bool] = ...) -> None: ...

class Formed(_message.Message):
    __slots__ = ("cluster_id", "members", "term")
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    cluster_id: str
    members: _containers.RepeatedCompositeFieldContainer[Node]
    term: int
    def __init__(self, cluster_id: _Optional[str] = ..., members: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., term: _Optional[int] = ...) -> None: ...

class Announcement(_message.Message):
    __slots__ = ("sender", "formed", "heard")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    FORMED_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    sender: Node
    formed: Formed
    heard: _containers.RepeatedCompositeFieldContainer[Node]
    def __init__(self, sender: _Optional[_Union[Node, _Mapping]] = ..., formed: _Optional[_Union[Formed, _Mapping]] = ..., heard: _Optional[_Iterable[_Union[Node, _Mapping]]] = ...) -> None: ...

class Proposal(_message.Message):
    __slots__ = ("founder", "cluster_id", "members")
    FOUNDER_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    founder: str
    cluster_id: str
    members: _containers.RepeatedCompositeFieldContainer[Node]
    def __init__(self, founder: _Optional[str] = ..., cluster_id: _Optional[str] = ..., members: _Optional[_Iterable[_Union[Node, _Mapping]]] = ...) -> None: ...

class FoundingAnswer(_message.Message):
    __slots__ = ("accepted", "reason")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    accepted: bool
    reason: str
    def __init__(self, accepted: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class ApiRequest(_message.Message):
    __slots__ = ("method", "path", "headers", "body")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    method: str
    path: str
    headers: _containers.ScalarMap[str, str]
    body: bytes
    def __init__(self, method: _Optional[str] = ..., path: _Optional[str] = ..., headers: _Optional[_Mapping[str, str]] = ..., body: _Optional[bytes] = ...) -> None: ...

class ApiResponse(_message.Message):
    __slots__ = ("status", "headers", "body")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    status: int
    headers: _containers.ScalarMap[str, str]
    body: bytes
    def __init__(self, status: _Optional[int] = ..., headers: _Optional[_Mapping[str, str]] = ..., body: _Optional[bytes] = ...) -> None: ...

class NodeReport(_message.Message):
    __slots__ = ("node", "incarnation", "in_flight", "instances", "table_revision", "sample")
    NODE_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    TABLE_REVISION_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    node: str
    incarnation: str
    in_flight: int
    instances: int
    table_revision: int
    sample: bytes
    def __init__(self, node: _Optional[str] = ..., incarnation: _Optional[str] = ..., in_flight: _Optional[int] = ..., instances: _Optional[int] = ..., table_revision: _Optional[int] = ..., sample: _Optional[bytes] = ...) -> None: ...

class ReportAnswer(_message.Message):
    __slots__ = ("aggregate",)
    AGGREGATE_FIELD_NUMBER: _ClassVar[int]
    aggregate: bytes
    def __init__(self, aggregate: _Optional[bytes] = ...) -> None: ...

class ArtifactDigest(_message.Message):
    __slots__ = ("digest",)
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    digest: str
    def __init__(self, digest: _Optional[str] = ...) -> None: ...

class ArtifactChunk(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class ReplicateRequest(_message.Message):
    __slots__ = ("artifact", "record", "source")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    artifact: str
    record: bytes
    source: str
    def __init__(self, artifact: _Optional[str] = ..., record: _Optional[bytes] = ..., source: _Optional[str] = ...) -> None: ...

class ReplicateAnswer(_message.Message):
    __slots__ = ("stored",)
    STORED_FIELD_NUMBER: _ClassVar[int]
    stored: bool
    def __init__(self, stored: _Optional[bool] = ...) -> None: ...
