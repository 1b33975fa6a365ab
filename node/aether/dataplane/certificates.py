"""The certificates of the public port: which is shown to whom, and read again when files change.

A pair of files that cannot be used leaves the pair before it in use, and is named in the log and in
the router's health until it can.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from aether.dataplane.settings import Certificate

_ALPN = ["http/1.1"]
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_MOST_FLIGHTS = 8

log = structlog.get_logger()

Stamp = tuple[tuple[int, int, int], ...]


class BadCertificate(Exception):
    """A certificate and its key cannot be used; the text names the files and says why."""


@dataclass(slots=True, eq=False)
class _Pair:
    """One certificate as it is in use."""

    files: Certificate
    stamp: Stamp
    context: ssl.SSLContext
    hosts: tuple[str, ...]
    problem: str = ""
    """Why what the files hold now is not in use; empty when it is."""


class Certificates:
    """Contexts by host; the first certificate is for clients that name none of the others' hosts."""

    def __init__(self, certificates: Sequence[Certificate], min_version: str) -> None:
        """Read all files; raises BadCertificate, as there is nothing to fall back on yet."""
        self._version = _VERSIONS[min_version]
        self._pairs = [self._read(each) for each in certificates]
        self._by_host: dict[str, ssl.SSLContext] = {}
        self._index()

    @property
    def context(self) -> ssl.SSLContext:
        """Return the context of the next connection; it may be exchanged by the name asked for."""
        return self._pairs[0].context

    @property
    def problem(self) -> str:
        """Say which changed files are not in use, and why; empty when all are."""
        return "; ".join(each.problem for each in self._pairs if each.problem)

    def health(self) -> dict[str, object]:
        """Return what the router's health shows."""
        hosts = [list(each.hosts) for each in self._pairs]
        return {"certificates": hosts, "problem": self.problem}

    def refresh(self) -> None:
        """Use what changed on disk, if it can be used; looks at every file, so call it off the loop."""
        fresh = [self._refreshed(pair) for pair in self._pairs]
        if fresh != self._pairs:
            self._pairs = fresh
            self._index()

    def _refreshed(self, pair: _Pair) -> _Pair:
        """Return the pair as its files hold it now; the same when they are as before, or broken."""
        stamp: Stamp = ()
        try:
            stamp = stamp_of(pair.files.cert, pair.files.key)
            if stamp == pair.stamp:
                return pair
            made = self._read(pair.files)
        except BadCertificate as problem:
            pair.stamp = stamp  # what is broken is tried again when it changes again
            if pair.problem != str(problem):
                pair.problem = str(problem)
                log.warning("changed certificate is not used", problem=pair.problem)
            return pair
        log.info("certificate was read again", cert=pair.files.cert)
        return made

    def _index(self) -> None:
        by_host: dict[str, ssl.SSLContext] = {}
        for pair in self._pairs:
            for host in pair.hosts:
                by_host.setdefault(host, pair.context)
        self._by_host = by_host

    def _read(self, files: Certificate) -> _Pair:
        stamp = stamp_of(files.cert, files.key)
        context = self._context(files)
        hosts = files.hosts or hosts_borne(files.cert, context)
        context.sni_callback = self._choose  # from here on: it would show a certificate in use
        return _Pair(files, stamp, context, tuple(host.lower() for host in hosts))

    def _context(self, files: Certificate) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._version
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(_ALPN)
        try:
            # A password would be asked for at the terminal of a process that has none.
            context.load_cert_chain(files.cert, files.key, password=_no_password)
        except (OSError, ValueError) as problem:
            raise BadCertificate(
                f"certificate {files.cert} with key {files.key}: {_said(problem)}"
            ) from problem
        return context

    def _choose(
        self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext
    ) -> None:
        """Show the certificate for the name a client asks for; called by OpenSSL."""
        found = self.context_for(name or "")
        if found is not connection.context:
            connection.context = found

    def context_for(self, name: str) -> ssl.SSLContext:
        """Return the context of a host: its own, that of `*.` its domain, or the first."""
        name = name.lower().rstrip(".")
        found = self._by_host.get(name)
        if found is None:
            found = self._by_host.get(f"*.{name.partition('.')[2]}")
        return found or self.context


def stamp_of(*paths: str) -> Stamp:
    """Return what changes when one of the files is written or replaced; raise BadCertificate."""
    stamps = []
    for path in paths:
        try:
            found = Path(path).stat()
        except OSError as problem:
            raise BadCertificate(f"{path} cannot be read: {problem.strerror}") from problem
        stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
    return tuple(stamps)


def hosts_borne(cert: str, server: ssl.SSLContext) -> tuple[str, ...]:
    """Return the DNS names in a certificate; none when it is not valid today.

    The standard library shows the names of a certificate only to a client that has verified it, so
    a client in memory does: it trusts this very certificate.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        client.load_verify_locations(cafile=cert)
        borne = shake_hands(server, client)
    except (ssl.SSLError, OSError) as problem:
        log.warning("hosts of a certificate are not known", cert=cert, problem=_said(problem))
        return ()
    names = borne.get("subjectAltName", ())
    return tuple(each[1] for each in names if each[0] == "DNS" and isinstance(each[1], str))


def shake_hands(
    server: ssl.SSLContext, client: ssl.SSLContext
) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Return the server's certificate as a client sees it, after a handshake in memory.

    Raises SSLError when one does not accept the other.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    accepting = server.wrap_bio(to_server, to_client, server_side=True)
    dialling = client.wrap_bio(to_client, to_server)
    for _ in range(_MOST_FLIGHTS):
        done = [_goes_on(side) for side in (dialling, accepting)]
        if all(done):
            break
    return dialling.getpeercert() or {}  # type: ignore[return-value]  # typeshed's union of all fields


def _goes_on(side: ssl.SSLObject) -> bool:
    """Take the handshake as far as it goes; return whether it is complete."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _no_password() -> str:
    raise ValueError(
        "the key is locked by a password; store it without one, readable to the node only"
    )


def _said(problem: BaseException) -> str:
    if isinstance(problem, ssl.SSLError):
        return (problem.reason or str(problem)).replace("_", " ").lower()
    return str(problem)
