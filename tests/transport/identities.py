"""Certificates, and what secures the links of parties, for tests."""

from __future__ import annotations

import datetime
import socket
import ssl
from pathlib import Path

from engine.files import write_whole
from engine.transport.certificates import Credentials, load_credentials, make_certificate
from engine.transport.security import Security

LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def write_key(folder: Path, name: str, days: int = 100, begin: datetime.datetime | None = None) -> tuple[Path, Path]:
    """``name.crt`` and ``name.key``."""
    made = make_certificate(name, ["localhost"], days, begin)
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    write_whole(paths[0], made.certificate)
    write_whole(paths[1], made.key)
    return paths


def credentials(folder: Path, name: str) -> Credentials:
    return load_credentials(*write_key(folder, name))


def securities(folder: Path, parties: int = 2, handshake: float = 5.0) -> list[Security]:
    """Parties that have pinned each other's certificates."""
    own = [credentials(folder, f"p{party}") for party in range(parties)]
    pinned = [[each.fingerprint] for each in own]
    return [Security(party, pinned, own[party], handshake=handshake) for party in range(parties)]


def client(
    address: tuple[str, int],
    files: tuple[Path, Path] | None = None,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> ssl.SSLSocket:
    """A connection of somebody with that certificate, or with none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = version
    if files is not None:
        context.load_cert_chain(*files)
    return context.wrap_socket(socket.create_connection(address, timeout=10))
