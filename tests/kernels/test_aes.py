"""AES, key stream and the tweakable hash against FIPS-197, a library and slow references."""

from __future__ import annotations

import numpy as np
import pytest

from engine.kernels import aes_circuit, hashes, prg
from tests.kernels import reference
from tests.kernels.reference import from_integers, integers, random_blocks

SEED = bytes(range(16))


def test_fips_197_cipher():
    plain = np.frombuffer(bytes.fromhex("00112233445566778899aabbccddeeff"), dtype="<u8").reshape(1, 2)
    cipher = prg.encrypt(prg.key_schedule(SEED), plain)
    assert cipher.tobytes().hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"


def test_fips_197_key_expansion():
    """Appendix A.1: the first, second and last round key."""
    schedule = prg.key_schedule(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")).tobytes().hex()
    assert schedule[:32] == "2b7e151628aed2a6abf7158809cf4f3c"
    assert schedule[32:64] == "a0fafe1788542cb123a339392a6c7605"
    assert schedule[-32:] == "d014f9a8c9ee2589e13f0cc8b6630ca6"


def test_many_schedules_and_blocks_against_the_library():
    random = np.random.default_rng(1)
    seeds = random.integers(0, 256, (9, 16), dtype=np.uint8)
    blocks = random_blocks(2, 5, 2)
    for seed, schedule in zip(seeds, prg.key_schedules(seeds)):
        assert prg.encrypt(schedule, blocks).tobytes() == reference.aes(seed.tobytes(), blocks.tobytes())


@pytest.mark.parametrize("blocks", [0, 1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 257])
@pytest.mark.parametrize("offset", [0, 5, 2**40 - 3])
def test_stream_against_the_library(blocks, offset):
    assert prg.prg(SEED, blocks, offset).tobytes() == reference.key_stream(SEED, blocks, offset)


def test_stream_pieces_join():
    whole = prg.prg(SEED, 100, 7)
    assert np.array_equal(np.vstack([prg.prg(SEED, 33, 7), prg.prg(SEED, 67, 40)]), whole)


def test_stream_bytes():
    assert prg.prg_bytes(SEED, 21, 3) == reference.key_stream(SEED, 2, 3)[:21]


@pytest.mark.parametrize(("blocks", "offset"), [(-1, 0), (1, -1), (2, 2**63 - 1)])
def test_stream_rejects_ranges(blocks, offset):
    with pytest.raises(ValueError, match="no key stream"):
        prg.prg(SEED, blocks, offset)


def test_wrong_seed_size():
    with pytest.raises(ValueError, match="shape"):
        prg.key_schedule(bytes(15))


def test_hash_against_the_reference():
    x = random_blocks(3, 11, 2)
    hk = bytes(range(100, 116))
    index, dom, s, d, half, step = 2**63 + 12345, 3, 254, 253, 1, 3
    got = integers(hashes.mitccrh(hk, index, dom, s, d, half, x, step))
    for i, value in enumerate(integers(x)):
        place = reference.tweak(index + step * i, dom, s, d, half)
        assert got[i] == reference.tweaked_hash(hk, place, value)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_four_hashes_of_a_gate(count):
    """hash2x2: both labels of two wires under the tweaks of the two halves."""
    a, b, delta = random_blocks(6, count, 2), random_blocks(7, count, 2), random_blocks(8, 2)
    hk = bytes(range(60, 76))
    got = hashes.mitccrh_pairs(hk, 7, 2, 3, 3, delta, a, b)
    for place, (x, half) in enumerate([(a, 0), (a ^ delta, 0), (b, 1), (b ^ delta, 1)]):
        assert np.array_equal(got[:, place], hashes.mitccrh(hk, 7, 2, 3, 3, half, x))


def test_sigma_is_an_orthomorphism():
    """x -> sigma(x) and x -> x ^ sigma(x) are linear with full rank."""
    for function in (reference.sigma, lambda x: x ^ reference.sigma(x)):
        rows = [function(1 << t) for t in range(128)]
        rank = 0
        while rows:
            pivot = rows.pop()
            if pivot:
                rank += 1
                low = pivot & -pivot
                rows = [row ^ pivot if row & low else row for row in rows]
        assert rank == 128


def test_hash_key_size():
    with pytest.raises(ValueError, match="16 bytes"):
        hashes.key_words(bytes(15))


def test_circuit_on_numpy_words():
    """The portable AES circuit, interpreted by numpy: four blocks in eight words."""
    blocks = random_blocks(4, 4, 2)
    schedule = prg.key_schedule(SEED)
    keys = [aes_circuit.slice4(tuple(schedule[2 * r : 2 * r + 2]) * 4) for r in range(11)]
    state = aes_circuit.xor(aes_circuit.slice4(tuple(blocks.reshape(-1))), keys[0])
    for r in range(1, 11):
        state = aes_circuit.substitute_and_shift(state)
        state = aes_circuit.xor(aes_circuit.mix_columns(state) if r < 10 else state, keys[r])
    words = np.array(aes_circuit.unslice4(state), dtype=np.uint64)
    assert words.tobytes() == reference.aes(SEED, blocks.tobytes())


def test_circuit_slicing_is_invertible():
    words = tuple(random_blocks(5, 8))
    assert aes_circuit.unslice4(aes_circuit.slice4(words)) == words


def test_references_agree_on_integers():
    values = [1, 2**127, 2**64 + 5]
    assert integers(from_integers(values)) == values
