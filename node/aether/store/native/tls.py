"""Mutual TLS between members: contexts from files, whom a certificate names, why a handshake failed."""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from aether.core.model.node_certificate import nodes_named
from aether.errors import ConfigInvalid
from aether.store.spec import TlsFiles

_MOST_FLIGHTS = 8

log = structlog.get_logger()

_Stamp = tuple[tuple[int, int, int], ...]


class TlsContexts:
    """The contexts for new connections; made anew when a file changed.

    New files that cannot be used are named in the log once, and the old ones stay in use.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Read the files; raises ConfigInvalid naming the one that cannot be used."""
        self._files = files
        self._stamp = _stamp(files)
        self._server, self._client = _contexts(files)

    def for_accepting(self) -> ssl.SSLContext:
        """Return the context with which connections are accepted."""
        self._refresh()
        return self._server

    def for_dialling(self) -> ssl.SSLContext:
        """Return the context with which connections are dialled."""
        self._refresh()
        return self._client

    def _refresh(self) -> None:
        try:
            stamp = _stamp(self._files)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._server, self._client = _contexts(self._files)
        except ConfigInvalid as problem:
            log.warning("changed TLS files are not used", problem=problem.message)
        else:
            log.info("TLS files were read again", certificate=str(self._files.certificate))


def _stamp(files: TlsFiles) -> _Stamp:
    """Return what changes when a file is written or replaced."""
    stamps = []
    for path in (files.ca, files.certificate, files.key):
        try:
            found = path.stat()
        except OSError as problem:
            raise ConfigInvalid(
                [f"TLS file {path} cannot be read: {problem.strerror}"]
            ) from problem
        stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
    return tuple(stamps)


def _contexts(files: TlsFiles) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = _context(ssl.PROTOCOL_TLS_SERVER, files)
    # Tickets would let a resumed session outlive a certificate that was replaced.
    server.num_tickets = 0
    client = _context(ssl.PROTOCOL_TLS_CLIENT, files)
    return server, client


def _context(protocol: ssl._SSLMethod, files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # Members are checked by node, not by host: an address may change, and many share one.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    _load(files.ca, lambda: context.load_verify_locations(files.ca))
    _load(files.certificate, lambda: context.load_cert_chain(files.certificate, files.key))
    return context


def _load(path: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError) as problem:
        raise ConfigInvalid(
            [f"TLS file {path} (or its key) cannot be used: {problem}"]
        ) from problem


def check_own(files: TlsFiles, node: str) -> None:
    """Raise ConfigInvalid when the files cannot be used, or the certificate does not name `node`.

    One that is expired, or of a CA that is not ours, is only warned of: a member that starts anew
    must not be worse off than those that run.
    """
    server, client = _contexts(files)
    try:
        certificate = _shake_hands(server, client)
    except ssl.SSLError as problem:
        log.warning("our own certificate is not accepted", problem=explain(problem))
        return
    names = nodes_named(certificate)
    if node not in names:
        named = ", ".join(sorted(names)) or "no node"
        raise ConfigInvalid(
            [
                f"store.tls_certificate: {files.certificate} names {named}, not {node}: it must have "
                f"the URI name spiffe://…/node/{node} or the DNS name {node}"
            ]
        )


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> Mapping[str, Any]:
    """Let both sides meet in memory, and return the certificate the server showed."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    accepting = server.wrap_bio(to_server, to_client, server_side=True)
    dialling = client.wrap_bio(to_client, to_server)
    for _ in range(_MOST_FLIGHTS):
        done = [_goes_on(side) for side in (dialling, accepting)]
        if all(done):
            break
    return dialling.getpeercert() or {}


def _goes_on(side: ssl.SSLObject) -> bool:
    """Take the handshake as far as it goes; return whether it is complete."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


_REASONS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it shows no certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a certificate and got none",
    "HTTP_REQUEST": "it speaks plain HTTP on a TLS port",
    "WRONG_VERSION_NUMBER": "it does not speak TLS: set tls on both sides or on neither",
    "HTTPS_PROXY_REQUEST": "it does not speak TLS: set tls on both sides or on neither",
    "PACKET_LENGTH_TOO_LONG": "it does not speak TLS: set tls on both sides or on neither",
    "UNSUPPORTED_PROTOCOL": "it speaks a TLS older than 1.3",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks a TLS older than 1.3",
    "TLSV1_ALERT_UNKNOWN_CA": "our certificate is not of a CA it trusts",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our certificate has expired",
    "SSLV3_ALERT_BAD_CERTIFICATE": "our certificate was refused",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "our certificate was refused",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "our certificate is not meant for this use",
    "TLSV1_ALERT_DECRYPT_ERROR": "our certificate's signature was refused",
}


def explain(problem: BaseException) -> str:
    """Say in words why a connection with TLS was not made."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {problem.verify_message}"
    if isinstance(problem, ssl.SSLError):
        return _REASONS.get(problem.reason or "", f"TLS failed: {problem.reason or problem}")
    if isinstance(problem, ConnectionResetError | ssl.SSLEOFError):
        return "it ended the TLS handshake; its log says why (is its tls ours?)"
    return str(problem) or type(problem).__name__
