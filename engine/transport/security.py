"""What a party proves to its peers and asks of them: its certificate, their pinned certificates, shared secrets.

The client's side of TLS is here; the server's is where the server is. Certificates are pinned: neither names nor
authorities count, so nothing but the fingerprints in the policies has to be right (spec: service, section 6.3).
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from engine.errors import SecurityError
from engine.transport.certificates import Credentials, Validity, fingerprint

log = logging.getLogger("polytune")

#: Turns a connected socket into one that is secured; the given one is closed when that fails.
Secure = Callable[[socket.socket], socket.socket]
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
#: What OpenSSL says when the other side does not speak TLS.
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
_OTHER_VERSION = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "NO_PROTOCOLS_AVAILABLE"}


class WrongIdentity(SecurityError):
    """A peer has another certificate than the policy names."""

    code = "identity_mismatch"


class Security:
    """How the links of ``party`` are secured.

    ``identities``: accepted fingerprints of each party (empty: none are pinned). ``credentials``: the own certificate.
    ``secrets``: the secret shared with each party (empty: none). ``handshake``: seconds for a TLS handshake.
    """

    def __init__(
        self,
        party: int,
        identities: Sequence[Sequence[str]] = (),
        credentials: Credentials | None = None,
        secrets: Sequence[bytes] = (),
        *,
        min_version: str = "1.3",
        handshake: float = 5.0,
    ) -> None:
        self.party = party
        self.identities = tuple(tuple(entry) for entry in identities)
        self.credentials = credentials
        self.secrets = tuple(secrets)
        self.min_version = min_version
        self.handshake = handshake
        #: The fingerprint that each peer has shown us.
        self.presented: dict[int, str] = {}
        self._validity: dict[str, Validity] = {}
        self._context: ssl.SSLContext | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines for the log at start."""
        return self.credentials.warnings if self.credentials is not None else ()

    @property
    def own(self) -> str | None:
        """The fingerprint of the own certificate."""
        return self.credentials.fingerprint if self.credentials is not None else None

    def in_use(self) -> list[str]:
        """The certificate of every party in this run, as far as it was shown; empty when none are pinned."""
        shown = {**self.presented, self.party: self.own} if self.own else self.presented
        return [shown.get(party) or entry[0] for party, entry in enumerate(self.identities)]

    def owner(self, shown: str) -> int | None:
        """The party whose certificate has that fingerprint."""
        return next((party for party, entry in enumerate(self.identities) if shown in entry), None)

    # -- connections to peers ---------------------------------------------------------------------------------------

    def secure(self, peer: int, url: str) -> Secure | None:
        """What to do with a fresh connection to ``peer``; None when ``url`` is plain http.

        The function raises SecurityError when the peer is not who it must be, OSError when the network fails.
        """
        parts = urlsplit(url)
        if parts.scheme != "https":
            return None
        host = parts.hostname or ""
        return lambda sock: self._secured(sock, peer, host, url)

    def _secured(self, sock: socket.socket, peer: int, host: str, url: str) -> socket.socket:
        context = self._context = self._context or self._new_context()
        try:
            sock.settimeout(self.handshake)
            secured = context.wrap_socket(sock, server_hostname=host, suppress_ragged_eofs=True)
        except OSError as error:
            sock.close()
            raise _explained(error, peer, url, self.min_version) from None
        if self.identities:
            try:
                self._check(secured, peer)
            except SecurityError:
                with contextlib.suppress(OSError):
                    secured.close()
                raise
        return secured

    def _new_context(self) -> ssl.SSLContext:
        if self.identities:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # the certificate is compared with the pinned one instead
        else:
            context = ssl.create_default_context()
        context.minimum_version = VERSIONS[self.min_version]
        if self.credentials is not None:
            context.load_cert_chain(self.credentials.certificate.path, self.credentials.key)
        return context

    def _check(self, secured: ssl.SSLSocket, peer: int) -> None:
        der = secured.getpeercert(binary_form=True) or b""
        shown, expected = fingerprint(der), self.identities[peer]
        if shown not in expected:
            owner = self.owner(shown)
            hint = "" if owner is None else f"that is the certificate of party {owner}; "
            raise WrongIdentity(
                f"party {peer} presented {shown}, expected {' or '.join(expected)}",
                f"{hint}compare with what 'polytune fingerprint' says there; if the certificate was changed, put the "
                "new fingerprint under 'identities', else somebody stands between you",
            )
        self.check_validity(shown, der, peer)
        self.presented[peer] = shown

    def check_validity(self, shown: str, der: bytes, peer: int) -> None:
        """Raise SecurityError when the certificate of ``peer`` is expired; warn once when it soon will be."""
        if shown not in self._validity:
            from cryptography import x509

            self._validity[shown] = Validity.of(x509.load_der_x509_certificate(der))
            soon = self._validity[shown].warning()
            if soon:
                log.warning("the certificate of party %d %s", peer, soon)
        problem = self._validity[shown].problem()
        if problem:
            raise SecurityError(
                f"the certificate of party {peer} ({shown}) {problem}",
                f"party {peer} needs a new one ('polytune keygen'); or set the clock of this machine",
                code="certificate_expired",
            )


def _explained(error: OSError, peer: int, url: str, min_version: str) -> Exception:
    """What a failed handshake means: SecurityError if trying again cannot help, else the error itself."""
    reason = getattr(error, "reason", None) or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return WrongIdentity(
            f"the certificate of party {peer} at {url} is not trusted: {error.verify_message}",
            "put its fingerprint under 'identities', or give the proxy there a certificate of a known authority",
        )
    if reason in _NO_TLS:
        return SecurityError(
            f"party {peer} answers in plain http at {url}",
            "it runs without 'tls' in its policy, or the port is that of another service",
            code="plain_http",
        )
    if reason in _OTHER_VERSION:
        return SecurityError(
            f"party {peer} does not offer TLS {min_version} at {url}", "see 'tls.min_version'", code="tls_version"
        )
    return error
