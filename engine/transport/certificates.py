"""Certificates of parties: made, read, checked, and named by their fingerprint (spec: service, section 6.3).

A fingerprint is ``sha256:`` and the SHA-256 of the DER form in 64 lower-case hexadecimal digits.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ResourceError, SecurityError

if TYPE_CHECKING:
    from cryptography import x509

#: A warning is due this long before a certificate ends.
SOON = datetime.timedelta(days=30)
#: A new certificate begins a day ago, so that a clock that is late somewhere does not refuse it.
EARLIER = datetime.timedelta(days=1)
MAX_FILE = 1 << 20
_BEGIN = b"-----BEGIN "


def fingerprint(der: bytes) -> str:
    """``sha256:<64 hex>`` of a certificate in DER form."""
    return "sha256:" + hashlib.sha256(der).hexdigest()


@dataclass(frozen=True)
class Validity:
    """From when to when a certificate counts."""

    begin: datetime.datetime
    end: datetime.datetime

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Validity:
        """That of a parsed certificate."""
        return cls(certificate.not_valid_before_utc, certificate.not_valid_after_utc)

    def problem(self, now: datetime.datetime | None = None) -> str:
        """``expired on 2026-01-31`` or ``is not valid before 2026-01-31``; empty when all is well."""
        now = now or datetime.datetime.now(datetime.UTC)
        if now > self.end:
            return f"expired on {self.end:%Y-%m-%d}"
        if now < self.begin:
            return f"is not valid before {self.begin:%Y-%m-%d %H:%M} UTC (this machine says {now:%Y-%m-%d %H:%M})"
        return ""

    def warning(self, now: datetime.datetime | None = None) -> str:
        """``expires on 2026-01-31, in 12 days`` within 30 days of the end; else empty."""
        now = now or datetime.datetime.now(datetime.UTC)
        if self.end - now > SOON:
            return ""
        days = max(0, (self.end - now).days)
        return f"expires on {self.end:%Y-%m-%d}, in {days} day{'' if days == 1 else 's'}"


@dataclass(frozen=True)
class Certificate:
    """A certificate file: its path, DER form, fingerprint and validity."""

    path: Path
    der: bytes = field(repr=False)
    fingerprint: str
    validity: Validity


@dataclass(frozen=True)
class Credentials:
    """The own certificate and the path of its key, which belong together; ``warnings`` are lines for the log."""

    certificate: Certificate
    key: Path
    warnings: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """That of the certificate."""
        return self.certificate.fingerprint


# -- making ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewCertificate:
    """A key and its certificate in PEM form."""

    key: bytes = field(repr=False)
    certificate: bytes
    fingerprint: str
    validity: Validity


def make_certificate(
    name: str, hosts: Sequence[str], days: int, begin: datetime.datetime | None = None
) -> NewCertificate:
    """A new ECDSA key on P-256 and a certificate for ``hosts`` (names or addresses) that it signs itself, for
    ``days`` from ``begin`` (now).

    Raises ValueError for a host that is neither a name nor an address.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    names = [_general_name(host) for host in hosts]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = (begin or datetime.datetime.now(datetime.UTC)).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - EARLIER)
        .not_valid_after(begin + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    return NewCertificate(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.public_bytes(serialization.Encoding.PEM),
        fingerprint(certificate.public_bytes(serialization.Encoding.DER)),
        Validity.of(certificate),
    )


def _general_name(host: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    label = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
    if len(host) > 253 or re.fullmatch(rf"{label}(\.{label})*\.?", host) is None:
        raise ValueError(f"'{host}' is neither a host name nor an IP address")
    return x509.DNSName(host)


# -- reading ---------------------------------------------------------------------------------------------------------


def read_certificate(path: Path) -> Certificate:
    """The first certificate of a file in PEM or DER form; raises ResourceError."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    data = _read(path, "certificate")
    try:
        found = x509.load_pem_x509_certificate(data) if _BEGIN in data else x509.load_der_x509_certificate(data)
    except ValueError:
        held = "it holds a private key; " if b"PRIVATE KEY-----" in data else ""
        raise ResourceError(
            f"{path} is not a certificate", f"{held}a certificate is the .crt file that 'polytune keygen' writes"
        ) from None
    der = found.public_bytes(Encoding.DER)
    return Certificate(path, der, fingerprint(der), Validity.of(found))


def load_credentials(cert: Path, key: Path) -> Credentials:
    """Read and check the own certificate and key.

    Raises ResourceError (exit 6: a file is missing, open to others, or the two do not belong together), SecurityError
    (exit 5: the certificate is expired).
    """
    certificate = read_certificate(cert)
    _check_mode(key)
    _check_pair(certificate, key)
    problem = certificate.validity.problem()
    if problem:
        raise SecurityError(
            f"the own certificate {cert} {problem}",
            "make a new one with 'polytune keygen' and give its fingerprint to the other parties (both may stand in "
            "their 'identities' while you change)",
            code="certificate_expired",
        )
    soon = certificate.validity.warning()
    return Credentials(certificate, key, (f"the own certificate {cert} {soon}",) if soon else ())


def _check_mode(key: Path) -> None:
    try:
        mode = stat.S_IMODE(os.stat(key).st_mode)
    except OSError as error:
        raise _unreadable(key, "key", error) from None
    if mode & 0o077:
        raise ResourceError(
            f"{key.name} has mode {mode:03o}, need 600",
            f"others on this machine can read the key; chmod 600 {key}, and make a new key if somebody may have",
            code="key_mode",
        )


def _check_pair(certificate: Certificate, key: Path) -> None:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        private = load_pem_private_key(_read(key, "key"), None)
    except TypeError:
        raise ResourceError(f"{key} is encrypted", "keys with a password are not supported; write it without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ResourceError(f"{key} is not a private key in PEM form", "make one with 'polytune keygen'") from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    public = x509.load_der_x509_certificate(certificate.der).public_key()
    if private.public_key().public_bytes(*form) != public.public_bytes(*form):
        raise ResourceError(
            f"the certificate {certificate.path} does not belong to the key {key}",
            "name the .crt and the .key that 'polytune keygen' wrote together",
        )


def _read(path: Path, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, what, error) from None
    if len(data) > MAX_FILE:
        raise ResourceError(f"{path} is no {what}: larger than 1 MiB")
    return data


def _unreadable(path: Path, what: str, error: Exception) -> ResourceError:
    reason = getattr(error, "strerror", None) or "not a valid path"
    return ResourceError(f"cannot read the {what} {path}: {reason.lower()}", "make one with 'polytune keygen'")
