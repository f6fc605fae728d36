"""The random oracle of the protocol and its labels (spec: protocol, sections 2.2 and 14.2).

``RO(dom, part_1, ...) = SHA-256(dom || 0x00 || for each part: 8-byte little-endian length || part)``. Every use has a
label of its own and a fixed list of parts; all labels stand here so that no two uses can share one by accident.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

PARAMS = "params"
SID = "sid"
ECHO = "echo"
COIN_SEED = "coinseed"
COIN = "coin"
COIN_OUT = "coinout"
H2C = "h2c"
H2C2 = "h2c2"
OT = "ot"
GGM = "ggm"
SS_SEED = "ss-seed"
SS_CHK = "ss-chk"
PPRF = "pprf"
DCHK = "dchk"
DCHKM = "dchkm"
COTFS = "cotfs"
COTV = "cotv"
ZT = "zt"
SHIFT = "shift"
OPEN = "open"
CIRCUIT = "circuit"
INMAC = "inmac"
LBLCHK = "lblchk"
OUTMAC = "outmac"
MITC = "mitc"
WORKER = "worker"

#: An integer (8 bytes little-endian), a text (ASCII), or any contiguous buffer.
Part = Any


def _encode(part: Part) -> memoryview:
    if isinstance(part, int):
        return memoryview(part.to_bytes(8, "little"))
    if isinstance(part, str):
        return memoryview(part.encode("ascii"))
    view = memoryview(part)
    return view.cast("B") if view.nbytes else memoryview(b"")


def RO(label: str, *parts: Part) -> bytes:
    """The 32-byte digest of ``label`` and ``parts``; each part is prefixed by its length, so boundaries count."""
    digest = hashlib.sha256(label.encode("ascii") + b"\0")
    for part in parts:
        view = _encode(part)
        digest.update(view.nbytes.to_bytes(8, "little"))
        digest.update(view)
    return digest.digest()


def same(left: bytes, right: bytes) -> bool:
    """Comparison of two byte strings in constant time (section 2.6)."""
    return hmac.compare_digest(left, right)
