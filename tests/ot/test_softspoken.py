"""OT extension: the relation per column, the check, and what cheating does to it (cases 14 to 19 of section 17.5)."""

from __future__ import annotations

import numpy as np
import pytest

from engine.kernels.parallel import Workers
from engine.kernels.prg import prg
from engine.ot import softspoken
from engine.ot.softspoken import extend_bits, extend_keys, fold, fold_stream
from tests.kernels.reference import gf_mul, integers, random_blocks
from tests.ot.support import Extension, planes

DEPTHS = [1, 2, 4, 8]
CHI = bytes(range(7, 23))
OFFSET = 1 + 2**33


@pytest.fixture(scope="module", params=DEPTHS)
def setup(request):
    return Extension(request.param)


@pytest.fixture(scope="module")
def setup4():
    return Extension(4)


def same(left: softspoken.Extension, right: softspoken.Extension) -> bool:
    """Equal rows and equal values for the check."""
    pairs = ((left.rows, right.rows), (left.column, right.column), (left.last, right.last))
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("blocks", [1, 2, 64, 65, 131])
def test_relation_of_every_column(setup, blocks):
    x = random_blocks(blocks, blocks, 2)
    d, v = extend_bits(setup.all, x, OFFSET)
    w, _ = extend_keys(setup.punctured, setup.alpha, d, OFFSET)
    assert d.shape == (128 // setup.k, blocks, 2) and v.rows.shape == w.rows.shape == (128 * (blocks - 1), 2)
    assert np.array_equal(planes(v), planes(w) ^ (setup.masks[:, None, None] & x))


def test_against_the_definition(setup):
    """6.1 written with sums over leaves."""
    k, leaves, t = setup.k, 1 << setup.k, 128 // setup.k - 1
    x = random_blocks(1, 5, 2)
    d, v = extend_bits(setup.all, x, 9)
    streams = [prg(setup.seeds[t, y].tobytes(), 5, 9) for y in range(leaves)]
    assert np.array_equal(d[t], np.bitwise_xor.reduce(streams) ^ x)
    for b in range(k):
        expected = np.bitwise_xor.reduce([streams[y] for y in range(leaves) if y >> b & 1])
        assert np.array_equal(planes(v)[t * k + b], expected)


def test_the_missing_leaf_is_not_used(setup4):
    d = random_blocks(2, 32, 3, 2)
    other = setup4.punctured.copy()
    for t, hole in enumerate(setup4.alpha):
        other[t, hole] = 0
    first, second = (extend_keys(schedules, setup4.alpha, d, 3)[0] for schedules in (setup4.punctured, other))
    assert same(first, second)


def test_arguments_are_not_changed(setup4):
    schedules, d, alpha = setup4.punctured.copy(), random_blocks(3, 32, 3, 2), setup4.alpha.copy()
    extend_keys(schedules, alpha, d, 3)
    assert np.array_equal(schedules, setup4.punctured) and np.array_equal(alpha, setup4.alpha)


def test_threads_do_not_change_results(setup):
    x = random_blocks(4, 300, 2)
    d, v = extend_bits(setup.all, x, 2)
    w, _ = extend_keys(setup.punctured, setup.alpha, d, 2)
    with Workers(4) as four:
        d4, v4 = extend_bits(setup.all, x, 2, four)
        assert np.array_equal(d4, d) and same(v4, v)
        assert same(extend_keys(setup.punctured, setup.alpha, d, 2, four)[0], w)
        assert np.array_equal(fold(CHI, v, four), fold(CHI, v))
        assert np.array_equal(fold_stream(CHI, x, four), fold_stream(CHI, x))


def test_batches_join(setup4):
    """Blocks depend on offset and position alone: two batches are the two parts of one."""
    x = random_blocks(5, 100, 2)
    d, v = extend_bits(setup4.all, x, 50)
    first, second = extend_bits(setup4.all, x[:30], 50), extend_bits(setup4.all, x[30:], 80)
    assert np.array_equal(np.concatenate([first[0], second[0]], axis=1), d)
    assert np.array_equal(np.concatenate([planes(first[1]), planes(second[1])], axis=1), planes(v))


@pytest.mark.parametrize("blocks", [0, 1, 5, 130])
def test_folds(setup4, blocks):
    """F of a stream and of every column, with one multiplication a block."""
    x = random_blocks(6, blocks + 1, 2)
    _, v = extend_bits(setup4.all, x, OFFSET)
    factors = integers(prg(CHI, blocks))
    streams = [x, planes(v)[0], planes(v)[1], planes(v)[127]]
    folds = fold(CHI, v)
    found = integers(np.stack([fold_stream(CHI, x), folds[0], folds[1], folds[127]]))
    for stream, folded in zip(streams, found):
        values = integers(stream)
        expected = values[-1]
        for factor, value in zip(factors, values):
            expected ^= gf_mul(factor, value)
        assert folded == expected


@pytest.mark.parametrize("blocks", [1, 2, 17, 65, 130])
def test_keys_and_their_fold_in_one_pass(setup, blocks):
    """The same as folding afterwards, on any number of threads."""
    d = random_blocks(21, 128 // setup.k, blocks, 2)
    w, folds = extend_keys(setup.punctured, setup.alpha, d, OFFSET, chi=CHI)
    assert np.array_equal(folds, fold(CHI, w))
    with Workers(4) as four:
        assert np.array_equal(extend_keys(setup.punctured, setup.alpha, d, OFFSET, four, chi=CHI)[1], folds)


def check_values(setup, x, d, v, claimed) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of 6.2: F(V_e) and E_e from the key holder's columns for the corrections ``d``."""
    w, _ = extend_keys(setup.punctured, setup.alpha, d, OFFSET)
    return fold(CHI, v), fold(CHI, w) ^ (setup.masks[:, None] & fold_stream(CHI, claimed))


def test_honest_check_passes(setup):
    x = random_blocks(7, 40, 2)
    d, v = extend_bits(setup.all, x, OFFSET)
    sent, expected = check_values(setup, x, d, v, x)
    assert np.array_equal(sent, expected)


def test_other_bits_in_half_of_the_trees(setup4):
    """Case 15: in the changed trees exactly the columns with a set bit of D break."""
    x = random_blocks(8, 40, 2)
    d, v = extend_bits(setup4.all, x, OFFSET)
    d[:16] ^= random_blocks(9, 40, 2)
    sent, expected = check_values(setup4, x, d, v, x)
    broken = (sent != expected).any(axis=1)
    assert np.array_equal(broken, (setup4.bits == 1) & (np.arange(128) < 64))
    assert broken.any()


@pytest.mark.parametrize("block", [0, 20, 39])
def test_one_bit_of_every_correction(setup4, block):
    """Case 16; also in the sacrificial block."""
    x = random_blocks(10, 40, 2)
    d, v = extend_bits(setup4.all, x, OFFSET)
    d[:, block, 1] ^= np.uint64(1 << 17)
    sent, expected = check_values(setup4, x, d, v, x)
    assert np.array_equal((sent != expected).any(axis=1), setup4.bits == 1)


def test_lie_about_the_folded_bits(setup4):
    """Cases 14 and 17: the claimed X belongs to other bits than the corrections."""
    x = random_blocks(11, 40, 2)
    d, v = extend_bits(setup4.all, x, OFFSET)
    lie = x.copy()
    lie[3, 0] ^= np.uint64(1)
    sent, expected = check_values(setup4, x, d, v, lie)
    assert np.array_equal((sent != expected).any(axis=1), setup4.bits == 1)


def test_rows_follow_the_lsb_convention(setup):
    bits = setup.bits.copy()
    bits[0] = 1  # LSB(D) = 1
    extension = Extension(setup.k)
    x = random_blocks(12, 10, 2)
    d, v = extend_bits(extension.all, x, OFFSET)
    w, _ = extend_keys(extension.punctured, extension.alpha, d, OFFSET)
    macs, keys = v.rows, w.rows
    delta = np.packbits(bits, bitorder="little").view(np.uint64)
    x_bits = np.unpackbits(x[:9].view(np.uint8).reshape(-1), bitorder="little").astype(np.uint64)
    assert macs.shape == keys.shape == (9 * 128, 2)
    assert np.array_equal(macs[:, 0] & np.uint64(1), x_bits)
    assert not (keys[:, 0] & np.uint64(1)).any()
    assert np.array_equal(macs, keys ^ ((np.uint64(0) - x_bits)[:, None] & delta))


def test_rows_into_a_given_array(setup4):
    x = random_blocks(15, 3, 2)
    out = np.zeros((2, 256, 2), dtype=np.uint64)
    d, v = extend_bits(setup4.all, x, 4, rows=out[1])
    assert np.array_equal(out[1], extend_bits(setup4.all, x, 4)[1].rows) and not out[0].any()
    w, _ = extend_keys(setup4.punctured, setup4.alpha, d, 4, rows=out[0])
    assert w.rows.base is out or np.shares_memory(w.rows, out)
    assert np.array_equal(out[0], extend_keys(setup4.punctured, setup4.alpha, d, 4)[0].rows)
    assert v.rows.shape == (256, 2)


def test_shapes_are_checked(setup4):
    x = random_blocks(16, 3, 2)
    with pytest.raises(ValueError, match="columns"):
        extend_bits(setup4.all[:31].copy(), x, 0)
    with pytest.raises(ValueError, match="schedules"):
        extend_bits(setup4.all[:, :, :21].copy(), x, 0)
    with pytest.raises(ValueError, match="fit"):
        extend_keys(setup4.all, setup4.alpha[:5], random_blocks(17, 32, 3, 2), 0)
    with pytest.raises(ValueError, match="stream"):
        fold_stream(CHI, x[0])
    with pytest.raises(ValueError, match="rows"):
        extend_bits(setup4.all, x, 0, rows=np.empty((255, 2), dtype=np.uint64))
    with pytest.raises(ValueError, match="sacrificial"):
        extend_bits(setup4.all, x[:0], 0)


def test_masks_of_alpha():
    alpha = np.array([5] + [0] * 31, dtype=np.uint8)
    masks = softspoken.alpha_masks(alpha, 4)
    assert [int(m != 0) for m in masks[:5]] == [1, 0, 1, 0, 0] and int(masks[0]) == 2**64 - 1
