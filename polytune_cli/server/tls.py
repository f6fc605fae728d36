"""The server's side of TLS: any client certificate is let through the handshake, and judged with every request.

Peers are known by the fingerprints of their certificates. The standard library refuses a client certificate that it
cannot trace to a known one in full, so this is pyOpenSSL. The handshake proves that the client has the key of the
certificate that it shows. The worker that serves the connection makes it, with a deadline; the thread that accepts
connections never does.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from engine.errors import ResourceError
from engine.transport.certificates import Validity, fingerprint
from engine.transport.security import Security

_T = TypeVar("_T")
#: OpenSSL gives at most one record at a time; a larger buffer would only be allocated in vain.
_RECORD = 16 << 10
_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


@dataclass(frozen=True)
class Shown:
    """A certificate that a client has shown, and whose key it has."""

    fingerprint: str
    validity: Validity


class Tls:
    """TLS of a listener with the own certificate of ``security``; raises ResourceError when its files are unusable."""

    def __init__(self, security: Security) -> None:
        self.security = security
        #: A handshake may take so long.
        self.seconds = security.handshake
        self._context = _context(security)

    def wrap(self, sock: socket.socket) -> TlsSocket:
        """The socket of a new connection; the handshake is still to be made."""
        return TlsSocket(sock, self._context)


def _context(security: Security) -> SSL.Context:
    assert security.credentials is not None
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(_VERSIONS[security.min_version])
    try:
        context.use_certificate_chain_file(str(security.credentials.certificate.path))
        context.use_privatekey_file(str(security.credentials.key))
        context.check_privatekey()
    except SSL.Error:
        raise ResourceError(f"the certificate {security.credentials.certificate.path} cannot be used for TLS") from None
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    # Every connection proves its certificate anew.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    return context


class _Ended(ConnectionResetError):
    """The other side has closed the connection."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the connection was closed")


class TlsSocket:
    """What a connection needs of a socket, over TLS. A timeout bounds each call as a whole.

    For one thread at a time; only ``shutdown`` may be called by others, to wake that one.
    """

    def __init__(self, raw: socket.socket, context: SSL.Context) -> None:
        self._raw = raw
        self._timeout: float | None = raw.gettimeout()
        raw.setblocking(False)
        self._tls = SSL.Connection(context, raw)
        self._tls.set_accept_state()

    def handshake(self, seconds: float) -> Shown | None:
        """Make the handshake; returns the client's certificate if it has one. Raises OSError."""
        deadline = time.monotonic() + seconds
        self._repeat(self._tls.do_handshake, deadline)
        certificate = self._tls.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return None
        return Shown(fingerprint(certificate.public_bytes(Encoding.DER)), Validity.of(certificate))

    def recv_into(self, view: memoryview | bytearray) -> int:
        """Some bytes into ``view``; 0 at the end of the stream."""
        with memoryview(view) as whole:
            room = whole[:_RECORD]
            try:
                return int(self._repeat(lambda: self._tls.recv_into(room), self._deadline()))
            except _Ended:
                return 0

    def sendall(self, data: bytes) -> None:
        """Send all of ``data``."""
        deadline = self._deadline()
        view = memoryview(data)
        while view.nbytes:
            view = view[self._repeat(partial(self._tls.send, view), deadline) :]

    def pending(self) -> int:
        """Bytes that are decrypted and not read."""
        return self._tls.pending()

    def settimeout(self, seconds: float | None) -> None:
        """Bound each of the following calls."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """The bound."""
        return self._timeout

    def fileno(self) -> int:
        """The descriptor."""
        return self._raw.fileno()

    def shutdown(self, how: int) -> None:
        """Shut the connection below down, which wakes its worker."""
        self._raw.shutdown(how)

    def close(self) -> None:
        """Close the connection."""
        self._raw.close()

    def _deadline(self) -> float | None:
        return None if self._timeout is None else time.monotonic() + self._timeout

    def _repeat(self, call: Callable[[], _T], deadline: float | None) -> _T:
        """``call`` as soon as the network lets it."""
        while True:
            try:
                return call()
            except SSL.WantReadError:
                _wait(self._raw, select.POLLIN, deadline)
            except SSL.WantWriteError:
                _wait(self._raw, select.POLLOUT, deadline)
            except SSL.ZeroReturnError:
                raise _Ended from None
            except SSL.SysCallError as error:
                if error.args[0] == -1:  # the end without a farewell; bodies have their length
                    raise _Ended from None
                raise OSError(*error.args) from None
            except SSL.Error:
                raise ConnectionResetError(errno.ECONNRESET, "the TLS connection failed") from None


def _wait(sock: socket.socket, event: int, deadline: float | None) -> None:
    poll = select.poll()
    poll.register(sock, event)
    left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1e3
    if not poll.poll(left):
        raise TimeoutError("timed out")
