"""Folds of sums and product masks against plain numpy (spec: protocol, 8.2 and 9.3)."""

from __future__ import annotations

import numpy as np
import pytest

from engine.kernels import beaver, gf128, prg
from engine.kernels.parallel import Workers
from engine.mpc.product_masks import strided
from tests.kernels.reference import random_blocks

SEED = bytes(range(7, 23))
COUNTS = [0, 1, 3, 4, 7, 8, 511, 512, 513, 1300]


def random_bits(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, shape, dtype=np.uint8)


def selected(bits: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """bit * block."""
    return (np.uint64(0) - bits.astype(np.uint64))[..., None] & blocks


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("threads", [1, 3])
def test_fold_of_selected_blocks(count, threads):
    m, bits, delta = random_blocks(1, count, 2), random_bits(2, count), random_blocks(3, 2)
    with Workers(threads) as workers:
        found = beaver.fold_selected(SEED, m, bits, delta, workers)
    assert np.array_equal(found, gf128.fold(SEED, m ^ selected(bits, delta)))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("start", [0, 5, 2**40])
def test_fold_of_sums(count, start):
    m, n, bits, delta = (
        random_blocks(1, count, 2),
        random_blocks(4, count, 2),
        random_bits(2, count),
        random_blocks(3, 2),
    )
    found = beaver.fold_sums(prg.key_schedule(SEED), start, bits, delta, m, n)
    assert np.array_equal(found, gf128.fold(SEED, m ^ n ^ selected(bits, delta), start))
    nobody = beaver.fold_sums(prg.key_schedule(SEED), start, bits, np.zeros(2, np.uint64), m, n)
    assert np.array_equal(nobody, gf128.fold(SEED, m ^ n, start))


def test_a_fold_in_pieces_is_the_fold_of_the_whole():
    m, n, bits, delta = random_blocks(1, 700, 2), random_blocks(4, 700, 2), random_bits(2, 700), random_blocks(3, 2)
    schedule = prg.key_schedule(SEED)
    whole = beaver.fold_sums(schedule, 9, bits, delta, m, n)
    parts = [
        beaver.fold_sums(schedule, 9 + s.start, bits[s], delta, m[s], n[s]) for s in (slice(0, 333), slice(333, 700))
    ]
    assert np.array_equal(whole, parts[0] ^ parts[1])


def product(peers: int, count: int, first: int = 5, threads: int = 1) -> tuple[np.ndarray, ...]:
    """The kernel on a part of longer vectors; results as (MACs, sum of keys) with everything else left at zero."""
    total, offset = first + count + 3, 11
    x, y, z, fresh = (random_blocks(seed, 2, peers, offset + count + 2, 2) for seed in range(4))
    e, f = random_bits(5, total), random_bits(6, total)
    public_m, public_k = random_blocks(7, 2), random_blocks(8, 2)
    macs, keys = np.zeros((peers, total, 2), np.uint64), np.zeros((total, 2), np.uint64)
    views = [[strided(v[side][:, offset : offset + count]) for v in (x, y, z, fresh)] for side in (0, 1)]
    (x_m, y_m, z_m, f_m), (x_k, y_k, z_k, f_k) = ([array for array, _ in side] for side in views)
    stride = views[0][0][1]
    with Workers(threads) as workers:
        args = (first, peers, e, f, x_m, y_m, z_m, x_k, y_k, z_k, stride, f_m, f_k, stride, public_m, public_k)
        workers.run(beaver.product_masks, count, *args, macs.reshape(-1), 2 * total, keys.reshape(-1))
    return macs, keys


@pytest.mark.parametrize("peers", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 3, 4, 5, 29])
@pytest.mark.parametrize("threads", [1, 4])
def test_product_masks(peers, count, threads):
    first, offset = 5, 11
    total = first + count + 3
    x, y, z, fresh = (random_blocks(seed, 2, peers, offset + count + 2, 2)[:, :, offset:-2] for seed in range(4))
    e, f = random_bits(5, total)[first:-3], random_bits(6, total)[first:-3]
    public_m, public_k = random_blocks(7, 2), random_blocks(8, 2)
    plain = z ^ selected(e, y) ^ selected(f, x) ^ fresh
    macs, keys = product(peers, count, first, threads)
    assert np.array_equal(macs[:, first:-3], plain[0] ^ selected(e & f, public_m))
    assert np.array_equal(keys[first:-3], np.bitwise_xor.reduce(plain[1], axis=0) ^ selected(e & f, public_k))
    assert not macs[:, :first].any() and not macs[:, -3:].any() and not keys[:first].any() and not keys[-3:].any()


@pytest.mark.parametrize("peers", [1, 2, 4])
def test_sum_over_peers(peers):
    blocks = random_blocks(1, peers, 37, 2)
    expected = np.bitwise_xor.reduce(blocks, axis=0)
    rest = blocks[1:].copy()
    beaver.sum_peers(0, 37, peers, 2 * 37, blocks.reshape(-1))
    assert np.array_equal(blocks[0], expected) and np.array_equal(blocks[1:], rest)


def test_a_slice_of_every_peer_is_one_array_with_a_stride():
    whole = random_blocks(1, 3, 20, 2)
    array, stride = strided(whole[:, 4:9])
    assert stride == 40 and array.shape == (2 * 40 + 10,)
    for p in range(3):
        assert np.array_equal(array[p * stride : p * stride + 10], whole[p, 4:9].reshape(-1))
