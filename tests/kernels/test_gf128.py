"""GF(2^128) and folding against a bit-serial reference."""

from __future__ import annotations

import numpy as np
import pytest

from engine.kernels import bits, gf128, prg
from engine.kernels.parallel import Workers
from tests.kernels.reference import from_integers, gf_mul, integers, random_blocks

SEED = bytes(range(3, 19))


def xor_all(values):
    total = 0
    for value in values:
        total ^= value
    return total


def test_reference_knows_the_modulus():
    assert gf_mul(2, 1 << 127) == 0x87
    assert gf_mul(1, 12345) == 12345


def test_products_against_the_reference():
    a, b = random_blocks(1, 60, 2), random_blocks(2, 60, 2)
    expected = [gf_mul(x, y) for x, y in zip(integers(a), integers(b))]
    assert integers(gf128.mul(a, b)) == expected


def test_products_of_single_bits():
    powers = from_integers([1 << t for t in range(128)])
    for t in (0, 1, 63, 64, 126, 127):
        expected = [gf_mul(1 << s, 1 << t) for s in range(128)]
        assert integers(gf128.mul(powers, powers[t])) == expected


def test_field_laws():
    a, b, c = (random_blocks(s, 20, 2) for s in (3, 4, 5))
    assert np.array_equal(gf128.mul(gf128.mul(a, b), c), gf128.mul(a, gf128.mul(b, c)))
    assert np.array_equal(gf128.mul(a, b), gf128.mul(b, a))
    assert np.array_equal(gf128.mul(a, b ^ c), gf128.mul(a, b) ^ gf128.mul(a, c))


def test_product_shapes():
    a = random_blocks(6, 3, 4, 2)
    assert gf128.mul(a, a[0, 0]).shape == (3, 4, 2)
    assert gf128.mul(a[0, 0], a[0, 1]).shape == (2,)
    with pytest.raises(ValueError, match="2 words"):
        gf128.mul(random_blocks(6, 3), random_blocks(6, 3))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 63, 64, 65, 300])
def test_inner_product(count):
    g, m = random_blocks(7, count, 2), random_blocks(8, count, 2)
    expected = xor_all(gf_mul(x, y) for x, y in zip(integers(g), integers(m)))
    assert integers(gf128.inner_product(g, m)) == [expected]


def test_inner_product_rejects_lengths():
    with pytest.raises(ValueError, match="same length"):
        gf128.inner_product(random_blocks(1, 3, 2), random_blocks(1, 4, 2))
    with pytest.raises(ValueError, match="shape"):
        gf128.inner_product(random_blocks(1, 4), random_blocks(1, 4))


@pytest.mark.parametrize("count", [0, 1, 511, 512, 513, 1300])
def test_fold_is_the_inner_product_with_the_stream(count):
    m = random_blocks(9, count, 2)
    assert np.array_equal(gf128.fold(SEED, m), gf128.inner_product(prg.prg(SEED, count), m))


def test_fold_against_the_reference():
    m = random_blocks(10, 40, 2)
    chi = integers(prg.prg(SEED, 40))
    assert integers(gf128.fold(SEED, m)) == [xor_all(gf_mul(c, x) for c, x in zip(chi, integers(m)))]


@pytest.mark.parametrize("cut", [0, 1, 600, 1200])
def test_pieces_of_a_fold_add_up(cut):
    m = random_blocks(11, 1200, 2)
    packed = bits.pack(m[:, 0].astype(np.uint8) & 1)
    pieces = gf128.fold(SEED, m[:cut]) ^ gf128.fold(SEED, m[cut:], start=cut)
    assert np.array_equal(pieces, gf128.fold(SEED, m))
    rest = bits.pack(bits.unpack(packed, 1200)[cut:])
    pieces = gf128.foldbits(SEED, packed, cut) ^ gf128.foldbits(SEED, rest, 1200 - cut, start=cut)
    assert np.array_equal(pieces, gf128.foldbits(SEED, packed, 1200))


def test_fold_of_words():
    m = random_blocks(12, 1111, 2)
    m[:, 1] = 0
    assert np.array_equal(gf128.fold_words(SEED, m[:, 0].copy(), start=9), gf128.fold(SEED, m, start=9))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 513, 1025])
def test_foldbits(count):
    values = np.random.default_rng(13).integers(0, 2, count, dtype=np.uint8)
    expected = np.bitwise_xor.reduce(prg.prg(SEED, count)[values == 1], axis=0)
    assert np.array_equal(gf128.foldbits(SEED, bits.pack(values), count), expected)


def test_foldbits_rejects_short_input():
    with pytest.raises(ValueError, match="do not hold"):
        gf128.foldbits(SEED, np.zeros(1, dtype=np.uint8), 9)


def test_threads_do_not_change_results():
    m = random_blocks(14, 5000, 2)
    packed = m[:700, 0].astype(np.uint8)
    with Workers(4) as four:
        assert np.array_equal(gf128.fold(SEED, m, workers=four), gf128.fold(SEED, m))
        assert np.array_equal(gf128.inner_product(m, m[::-1], four), gf128.inner_product(m, m[::-1]))
        folded = gf128.foldbits(SEED, packed, 5600, workers=four)
    assert np.array_equal(folded, gf128.foldbits(SEED, packed, 5600))


def test_read_only_and_strided_arrays_are_taken():
    m = random_blocks(15, 64, 2)
    frozen = np.frombuffer(m.tobytes(), dtype=np.uint64).reshape(64, 2)
    assert np.array_equal(gf128.fold(SEED, frozen), gf128.fold(SEED, m))
    wide = np.zeros((64, 4), dtype=np.uint64)
    wide[:, ::2] = m
    assert np.array_equal(gf128.fold(SEED, wide[:, ::2]), gf128.fold(SEED, m))
