"""Base oblivious transfers of section 4.3: endemic OT of Masny and Rindal (CCS 2019) over P-256.

For an ordered pair (i -> j), P_i is the chooser (later the key holder, its choices are the complement of its global
key) and P_j the sender. The classes make and read messages as bytes; there is no channel in here. Points travel as 65
bytes, 04 || x || y; every received point is checked to be on the curve.

Key generation and Diffie-Hellman are those of ``cryptography`` (OpenSSL), the additions those of pycryptodome (C code
without secret-dependent branches). Hash to curve has public inputs only; the chooser evaluates it for both
choices, so that the time it takes does not depend on the choice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from Crypto.PublicKey.ECC import EccPoint
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from numpy.typing import NDArray

from engine.errors import MalformedMessage
from engine.oracle import H2C, H2C2, OT, RO

Bytes = NDArray[np.uint8]
Random = Callable[[str, int], bytes]

COUNT = 128
POINT_BYTES = 65
KEY_BYTES = 16
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_CURVE = ec.SECP256R1()


def encode_public(key: ec.EllipticCurvePublicKey) -> bytes:
    """04 || x || y."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _encode_point(point: EccPoint) -> bytes:
    if point.is_point_at_infinity():
        raise MalformedMessage("BASEOT", "a sum of points is the point at infinity")
    x, y = point.xy
    return b"\x04" + int(x).to_bytes(32, "big") + int(y).to_bytes(32, "big")


def _decode(encoded: bytes) -> ec.EllipticCurvePublicKey:
    """A received point; raises MalformedMessage unless it is an uncompressed finite point on the curve."""
    if len(encoded) != POINT_BYTES or encoded[0] != 4:
        raise MalformedMessage("BASEOT", "a point has a wrong encoding or is at infinity")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, encoded)
    except ValueError:
        raise MalformedMessage("BASEOT", "a point is not on the curve") from None


def _affine(encoded: bytes) -> EccPoint:
    """The point of an encoding that was checked or made here."""
    return EccPoint(int.from_bytes(encoded[1:33], "big"), int.from_bytes(encoded[33:], "big"), "p256")


def private_key(scalar: int) -> ec.EllipticCurvePrivateKey:
    """The key pair of a scalar in 1 .. order - 1."""
    return ec.derive_private_key(scalar, _CURVE)


def _scalar(random: Random, label: str) -> int:
    """A scalar in 1 .. order - 1; 48 bytes make the bias of the reduction negligible."""
    return int.from_bytes(random(label, 48), "big") % (ORDER - 1) + 1


def hash_to_curve(sid: bytes, i: int, j: int, u: int, b: int, e: bytes) -> tuple[bytes, int]:
    """HtC(i, j, u, b, e) as 65 bytes, and the number of candidates tried. Inputs are public: time may vary."""
    counter = 0
    while True:
        s = RO(H2C, sid, i, j, u, b, e, counter) + RO(H2C2, sid, i, j, u, b, e, counter)
        x = int.from_bytes(s[:48], "big") % PRIME
        counter += 1
        try:  # decompression finds the root whose parity is the sign byte, or fails where there is no root
            candidate = bytes([2 + (s[48] & 1)]) + x.to_bytes(32, "big")
            return encode_public(ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, candidate)), counter
        except ValueError:
            continue


def transfer_key(sid: bytes, i: int, j: int, u: int, b: int, r0: bytes, r1: bytes, y: bytes, shared: bytes) -> bytes:
    """k_b from the x coordinate of the shared point."""
    return RO(OT, sid, i, j, u, b, r0, r1, y, shared)[:KEY_BYTES]


def choose(sid: bytes, i: int, j: int, u: int, c: int, secret: ec.EllipticCurvePrivateKey, other: bytes) -> bytes:
    """R_c = aG - HtC(i, j, u, c, O) for the scalar ``secret`` and the point O = ``other``."""
    own = _affine(encode_public(secret.public_key()))
    mask, _ = hash_to_curve(sid, i, j, u, c, other)
    chosen = _encode_point(own + (-_affine(mask)))
    # Its time can be computed from the message; without it the total would tell which point was hashed.
    hash_to_curve(sid, i, j, u, 1 - c, chosen)
    return chosen


class Chooser:
    """P_i of the pair (i -> j): 128 transfers with ``choices`` uint8 (128,) of 0 and 1.

    ``random(label, n)`` returns n fresh secret bytes; every label is used once.
    """

    def __init__(self, sid: bytes, i: int, j: int, choices: Bytes, random: Random) -> None:
        if choices.shape != (COUNT,):
            raise ValueError(f"choices must have shape ({COUNT},), not {choices.shape}")
        self._sid, self._i, self._j = sid, i, j
        self._choices = np.array(choices, dtype=np.uint8)
        self._secrets = [private_key(_scalar(random, f"chooser/a/{u}")) for u in range(COUNT)]
        others = [encode_public(private_key(_scalar(random, f"chooser/o/{u}")).public_key()) for u in range(COUNT)]
        chosen = [choose(sid, i, j, u, int(self._choices[u]), self._secrets[u], others[u]) for u in range(COUNT)]
        self._message = self._arrange(chosen, others)

    def _arrange(self, chosen: list[bytes], others: list[bytes]) -> bytes:
        """(R_0, R_1) of all u: R_c is the chosen point; selection by masks."""
        a = np.frombuffer(b"".join(chosen), dtype=np.uint8).reshape(COUNT, POINT_BYTES)
        b = np.frombuffer(b"".join(others), dtype=np.uint8).reshape(COUNT, POINT_BYTES)
        difference = (a ^ b) & (np.uint8(0) - self._choices)[:, None]
        return np.stack([a ^ difference, b ^ difference], axis=1).tobytes()

    def message(self) -> bytes:
        """R_0, R_1 for u = 0..127: 16,640 bytes."""
        return self._message

    def keys(self, points: bytes) -> Bytes:
        """From the sender's Y_u (128 x 65 bytes) the chosen keys, uint8 (128, 16); raises MalformedMessage."""
        encoded = _split(points, COUNT)
        pairs = _split(self._message, 2 * COUNT)
        place = (self._sid, self._i, self._j)
        choices = self._choices.tolist()
        return _stack(
            [
                receive(*place, u, choices[u], self._secrets[u], pairs[2 * u], pairs[2 * u + 1], encoded[u])
                for u in range(COUNT)
            ]
        )


class Sender:
    """P_j of the pair (i -> j): ends with two keys per transfer."""

    def __init__(self, sid: bytes, i: int, j: int, random: Random) -> None:
        self._sid, self._i, self._j = sid, i, j
        self._secrets = [private_key(_scalar(random, f"sender/y/{u}")) for u in range(COUNT)]
        self._points = [encode_public(secret.public_key()) for secret in self._secrets]

    def message(self) -> bytes:
        """Y_u for u = 0..127: 8,320 bytes."""
        return b"".join(self._points)

    def keys(self, pairs: bytes) -> tuple[Bytes, Bytes]:
        """From (R_0, R_1) of all u the keys k_0 and k_1, uint8 (128, 16) each; raises MalformedMessage."""
        encoded = _split(pairs, 2 * COUNT)
        for point in encoded:
            _decode(point)
        both = [
            send(self._sid, self._i, self._j, u, self._secrets[u], encoded[2 * u], encoded[2 * u + 1])
            for u in range(COUNT)
        ]
        return _stack([k0 for k0, _ in both]), _stack([k1 for _, k1 in both])


def send(
    sid: bytes, i: int, j: int, u: int, secret: ec.EllipticCurvePrivateKey, r0: bytes, r1: bytes
) -> tuple[bytes, bytes]:
    """Step 3 of the sender for checked points: both keys of transfer u."""
    y = encode_public(secret.public_key())
    keys = []
    for b, (own, other) in enumerate(((r0, r1), (r1, r0))):
        mask, _ = hash_to_curve(sid, i, j, u, b, other)
        target = _decode(_encode_point(_affine(own) + _affine(mask)))
        shared = secret.exchange(ec.ECDH(), target)
        keys.append(transfer_key(sid, i, j, u, b, r0, r1, y, shared))
    return keys[0], keys[1]


def receive(
    sid: bytes,
    i: int,
    j: int,
    u: int,
    c: int,
    secret: ec.EllipticCurvePrivateKey,
    r0: bytes,
    r1: bytes,
    y: bytes,
) -> bytes:
    """Step 3 of the chooser: the key of choice ``c`` from the sender's point ``y``."""
    shared = secret.exchange(ec.ECDH(), _decode(y))
    return transfer_key(sid, i, j, u, c, r0, r1, y, shared)


def _split(message: bytes, count: int) -> list[bytes]:
    raw = bytes(message)
    if len(raw) != count * POINT_BYTES:
        raise MalformedMessage("BASEOT", "a message has a wrong length")
    return [raw[at : at + POINT_BYTES] for at in range(0, len(raw), POINT_BYTES)]


def _stack(keys: list[bytes]) -> Bytes:
    return np.frombuffer(bytearray(b"".join(keys)), dtype=np.uint8).reshape(len(keys), KEY_BYTES)
