"""Published circuits through the real protocol, with answers from the standards."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import engine
from tests.circuit.helpers import bits_of, bristol_file, number_of

KEY, BLOCK = 0x000102030405060708090A0B0C0D0E0F, 0x00112233445566778899AABBCCDDEEFF
CIPHER = 0x69C4E0D86A7B0430D8CDB78070B4C55A  # FIPS 197, appendix C.1


def word(number: int, bits: int) -> np.ndarray:
    """Most significant bit first."""
    return np.array(bits_of(number, bits), np.uint8)


@pytest.mark.parametrize("parties", [2, 3])
def test_aes(parties: int) -> None:
    """Key and block belong to different parties; a third one may take part and receive the result without an input."""
    circuit = engine.Circuit.from_bristol(bristol_file("aes_128.txt.xz"), lsb_first=True)
    inputs = [word(KEY, 128), word(BLOCK, 128), word(0, 0)][:parties]
    result = engine.simulate(circuit, inputs, output_parties=(0, parties - 1))
    for party in range(parties):
        outputs = result.outputs[party]
        if party in (0, parties - 1):
            assert outputs is not None and number_of(outputs.tolist()) == CIPHER
        else:
            assert outputs is None


def test_sha_256() -> None:
    """One party has the message, the other the chaining value; FIPS 180-4 through hashlib."""
    circuit = engine.Circuit.from_bristol(bristol_file("sha256.txt.xz"), lsb_first=True)
    padded = b"abc\x80" + bytes(52) + (24).to_bytes(8, "big")
    start = 0x6A09E667_BB67AE85_3C6EF372_A54FF53A_510E527F_9B05688C_1F83D9AB_5BE0CD19
    inputs = [word(int.from_bytes(padded, "big"), 512), word(start, 256)]
    outputs = engine.simulate(circuit, inputs).outputs[0]
    assert outputs is not None
    assert number_of(outputs.tolist()).to_bytes(32, "big") == hashlib.sha256(b"abc").digest()


def test_multiplier() -> None:
    """A product of 64 bits."""
    circuit = engine.Circuit.from_bristol(bristol_file("mult64.txt.xz"), lsb_first=True)
    x, y = 0x123456789ABCDEF1, 0xFEDCBA9876543219
    outputs = engine.simulate(circuit, [word(x, 64), word(y, 64)], output_parties=(1,), evaluator=1).outputs
    assert outputs[0] is None and outputs[1] is not None
    assert number_of(outputs[1].tolist()) == x * y % 2**64
