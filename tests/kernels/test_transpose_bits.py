"""Bit transposition and packed bit vectors against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from engine.kernels import bits, transpose
from engine.kernels.parallel import Workers
from tests.kernels import reference
from tests.kernels.reference import random_blocks


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 5, 8, 13])
def test_both_directions(blocks):
    planes = random_blocks(blocks, 128, blocks, 2)
    rows = transpose.planes_to_rows(planes)
    assert np.array_equal(rows, reference.transpose(planes))
    assert np.array_equal(transpose.rows_to_planes(rows), planes)


def test_one_bit():
    """Bit a of plane c is bit c of row a."""
    planes = np.zeros((128, 2, 2), dtype=np.uint64)
    planes[77, 1, 1] = np.uint64(1 << 5)  # bit 128 + 64 + 5
    rows = transpose.planes_to_rows(planes)
    assert np.argwhere(rows).tolist() == [[128 + 64 + 5, 1]]
    assert int(rows[197, 1]) == 1 << (77 - 64)


def test_first_blocks_only():
    planes = random_blocks(5, 128, 6, 2)
    assert np.array_equal(transpose.planes_to_rows(planes, 4), reference.transpose(planes)[: 4 * 128])
    with pytest.raises(ValueError, match="7 blocks of 6"):
        transpose.planes_to_rows(planes, 7)


def test_threads_do_not_change_results():
    planes = random_blocks(6, 128, 23, 2)
    with Workers(4) as four:
        rows = transpose.planes_to_rows(planes, workers=four)
        assert np.array_equal(transpose.rows_to_planes(rows, four), planes)
    assert np.array_equal(rows, reference.transpose(planes))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="128"):
        transpose.planes_to_rows(random_blocks(1, 64, 2, 2))
    with pytest.raises(ValueError, match="128"):
        transpose.rows_to_planes(random_blocks(1, 127, 2))


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 130])
def test_pack_and_unpack(n):
    values = np.random.default_rng(n).integers(0, 2, n, dtype=np.uint8)
    packed = bits.pack(values)
    assert packed.size == bits.packed_size(n)
    assert int.from_bytes(packed.tobytes(), "little") == sum(int(v) << i for i, v in enumerate(values))
    assert np.array_equal(bits.unpack(packed, n), values)
    assert bits.padding_is_zero(packed, n)


def test_padding():
    assert not bits.padding_is_zero(np.array([0b100], dtype=np.uint8), 2)
    assert bits.padding_is_zero(np.array([0b11], dtype=np.uint8), 2)
    assert not bits.padding_is_zero(np.array([0, 0], dtype=np.uint8), 8)


@pytest.mark.parametrize("n", [0, 1, 8, 77])
def test_low_bits(n):
    blocks = random_blocks(20, n, 2)
    expected = (blocks[:, 0] & np.uint64(1)).astype(np.uint8)
    assert np.array_equal(bits.low_bits(blocks), expected)
    assert np.array_equal(bits.pack_low_bits(blocks), bits.pack(expected))
