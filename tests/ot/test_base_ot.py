"""Base OTs: honest runs, rejected points, and what a chooser computes for either choice."""

from __future__ import annotations

import numpy as np
import pytest
from Crypto.PublicKey.ECC import EccPoint

from engine.errors import MalformedMessage
from engine.ot import base_ot
from engine.ot.base_ot import POINT_BYTES, PRIME, Chooser, Sender
from tests.ot.support import SID, Secrets, random_bits

INFINITY = bytes(POINT_BYTES)
OFF_CURVE = b"\x04" + bytes(31) + b"\x05" + bytes(31) + b"\x07"


@pytest.fixture(scope="module")
def run():
    """An honest transfer of the pair (2 -> 1)."""
    choices = random_bits(3)
    chooser = Chooser(SID, 2, 1, choices, Secrets(1))
    sender = Sender(SID, 2, 1, Secrets(2))
    return choices, chooser, sender


@pytest.fixture(scope="module")
def keys(run):
    _, chooser, sender = run
    return *sender.keys(chooser.message()), chooser.keys(sender.message())


def test_message_lengths(run):
    _, chooser, sender = run
    assert len(chooser.message()) == 16_640 and len(sender.message()) == 8_320


def test_chosen_keys_match_and_others_differ(run, keys):
    choices, (k0, k1, chosen) = run[0], keys
    assert chosen.shape == k0.shape == k1.shape == (128, 16)
    assert np.array_equal(chosen, np.where(choices[:, None] == 1, k1, k0))
    other = np.where(choices[:, None] == 1, k0, k1)
    assert not (chosen == other).all(axis=1).any()


def test_all_keys_differ(keys):
    assert len({row.tobytes() for row in np.vstack(keys[:2])}) == 256


def test_pairs_are_separated(run, keys):
    """Another ordered pair in the hash gives other keys from the same messages."""
    sender = Sender(SID, 2, 3, Secrets(2))
    k0, _ = sender.keys(run[1].message())
    assert not (k0 == keys[0]).all(axis=1).any()


def test_same_secrets_same_message():
    first = Sender(SID, 2, 1, Secrets(2)).message()
    assert first == Sender(SID, 2, 1, Secrets(2)).message()
    assert first != Sender(SID, 2, 1, Secrets(4)).message()


@pytest.mark.parametrize(
    ("point", "check"), [(OFF_CURVE, "not on the curve"), (INFINITY, "infinity"), (b"\x06" + bytes(64), "encoding")]
)
@pytest.mark.parametrize("place", [0, 1, 255])
def test_sender_rejects_points(run, point, check, place):
    _, chooser, sender = run
    message = bytearray(chooser.message())
    message[place * POINT_BYTES : (place + 1) * POINT_BYTES] = point
    with pytest.raises(MalformedMessage, match=check) as caught:
        sender.keys(bytes(message))
    assert caught.value.phase == "BASEOT" and caught.value.party == -1


@pytest.mark.parametrize(("point", "check"), [(OFF_CURVE, "not on the curve"), (INFINITY, "infinity")])
def test_chooser_rejects_points(run, point, check):
    _, chooser, sender = run
    message = bytearray(sender.message())
    message[-POINT_BYTES:] = point
    with pytest.raises(MalformedMessage, match=check):
        chooser.keys(bytes(message))


def test_coordinates_beyond_the_prime_are_rejected(run):
    _, chooser, sender = run
    message = bytearray(sender.message())
    message[1:33] = PRIME.to_bytes(32, "big")
    with pytest.raises(MalformedMessage):
        chooser.keys(bytes(message))


def test_sum_at_infinity_is_rejected(run):
    """R_0 = -HtC(u, 0, R_1): a valid point whose sum with the hash is the point at infinity."""
    _, chooser, sender = run
    message = bytearray(chooser.message())
    hashed, _ = base_ot.hash_to_curve(SID, 2, 1, 0, 0, bytes(message[POINT_BYTES : 2 * POINT_BYTES]))
    y = PRIME - int.from_bytes(hashed[33:], "big")
    message[:POINT_BYTES] = hashed[:33] + y.to_bytes(32, "big")
    with pytest.raises(MalformedMessage, match="infinity"):
        sender.keys(bytes(message))


@pytest.mark.parametrize("size", [0, 16_575, 16_641])
def test_wrong_lengths_are_rejected(run, size):
    _, chooser, sender = run
    with pytest.raises(MalformedMessage, match="length"):
        sender.keys(bytes(size))
    with pytest.raises(MalformedMessage, match="length"):
        chooser.keys(bytes(size))


def test_hashed_points_are_on_the_curve():
    for u in range(5):
        point, _ = base_ot.hash_to_curve(SID, 0, 1, u, u % 2, b"e" * 65)
        EccPoint(int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big"), "p256")  # or ValueError


def test_hash_to_curve_by_square_roots():
    """The definition of section 4.3 in Python integers, against the decompression that is used."""
    curve_b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    for u in range(6):
        counter = 0
        while True:
            parts = (SID, 0, 1, u, 1, b"e" * 65, counter)
            s = base_ot.RO("h2c", *parts) + base_ot.RO("h2c2", *parts)
            x = int.from_bytes(s[:48], "big") % PRIME
            z = (x**3 - 3 * x + curve_b) % PRIME
            y = pow(z, (PRIME + 1) // 4, PRIME)
            counter += 1
            if y * y % PRIME == z:
                break
        y = PRIME - y if y % 2 != s[48] % 2 else y
        expected = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        assert base_ot.hash_to_curve(SID, 0, 1, u, 1, b"e" * 65) == (expected, counter)


@pytest.mark.parametrize("choice", [0, 1])
def test_chooser_hashes_for_both_choices(monkeypatch, choice):
    """One call with O for the choice, one with R_c for the other: the total time does not depend on the choice."""
    calls = []
    original = base_ot.hash_to_curve

    def counting(sid, i, j, u, b, e):
        calls.append((b, e))
        return original(sid, i, j, u, b, e)

    monkeypatch.setattr(base_ot, "hash_to_curve", counting)
    secret, other = base_ot.private_key(12345), base_ot.encode_public(base_ot.private_key(678).public_key())
    chosen = base_ot.choose(SID, 1, 0, 5, choice, secret, other)
    assert calls == [(choice, other), (1 - choice, chosen)]


def test_choices_are_checked():
    with pytest.raises(ValueError, match="choices"):
        Chooser(SID, 0, 1, np.zeros(127, dtype=np.uint8), Secrets(1))
