"""Punctured trees: honest runs for every depth and the attacks 4, 5 and 6 of section 17.5."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import CheatingDetected, MalformedMessage
from engine.ot import ggm
from tests.ot.support import SID, Tree, dealt_keys

DEPTHS = [1, 2, 4, 8]


@pytest.fixture(scope="module", params=DEPTHS)
def tree(request):
    return Tree(request.param)


@pytest.fixture(scope="module")
def tree4():
    return Tree(4)


def altered(payload: bytes, *places: int) -> bytes:
    """The message with one bit flipped at each byte position."""
    changed = bytearray(payload)
    for place in places:
        changed[place] ^= 0x10
    return bytes(changed)


def test_all_leaves_but_alpha(tree):
    opened = tree.open(tree.payload)
    count, leaves = 128 // tree.k, 1 << tree.k
    assert opened.shape == tree.seeds.shape == (count, leaves, 16)
    for t in range(count):
        for y in range(leaves):
            expected = bytes(16) if y == tree.alpha[t] else tree.seeds[t, y].tobytes()
            assert opened[t, y].tobytes() == expected


def test_message_length(tree):
    assert len(tree.payload) == 4096 + 64 * (128 // tree.k) == ggm.payload_size(tree.k)


def test_seeds_are_all_different(tree):
    seeds = {seed.tobytes() for seed in tree.seeds.reshape(-1, 16)}
    assert len(seeds) == tree.seeds.shape[0] * tree.seeds.shape[1]


@pytest.mark.parametrize("fill", [0, 1])
def test_extreme_positions(fill):
    """alpha = 0 and alpha = q - 1 in all trees."""
    bits = np.full(128, fill, dtype=np.uint8)
    k0, k1, chosen = dealt_keys(5, bits)
    payload, seeds = ggm.build(SID, 1, 0, 4, np.ones((32, 16), dtype=np.uint8), k0, k1)
    opened = ggm.open_trees(SID, 1, 0, 4, bits, chosen, payload)
    hole = 15 * fill
    assert not opened[:, hole].any()
    assert np.array_equal(np.delete(opened, hole, axis=1), np.delete(seeds, hole, axis=1))


def test_case_4_corrections_changed_on_both_sides(tree):
    with pytest.raises(CheatingDetected) as caught:
        tree.open(altered(tree.payload, 3, 16 + 3))
    assert caught.value.phase == "GGM" and "consistent" in caught.value.check


def test_case_5_correction_changed_on_one_side(tree4):
    """Noticed exactly when the changed side is the one that the key holder opens: probability 1/2 per tree."""
    for t in range(32):
        for side in (0, 1):
            message = altered(tree4.payload, 128 * t + 16 * side)  # depth 0 of tree t
            top_bit = int(tree4.alpha[t]) >> 3
            if side != top_bit:
                with pytest.raises(CheatingDetected):
                    tree4.open(message)
            else:
                tree4.open(message)


def test_case_5_every_level_is_used(tree4):
    for depth in range(4):
        walked = int(tree4.alpha[7]) >> (3 - depth) & 1
        with pytest.raises(CheatingDetected):
            tree4.open(altered(tree4.payload, 128 * 7 + 32 * depth + 16 * (1 - walked)))


def test_case_6_check_values_changed(tree):
    count = 128 // tree.k
    for place in (4096, 4096 + 32 * count - 1, 4096 + 32 * count, len(tree.payload) - 1):
        with pytest.raises(CheatingDetected):
            tree.open(altered(tree.payload, place))


def test_wrong_base_ot_key_is_noticed(tree4):
    wrong = tree4.chosen.copy()
    wrong[77, 0] ^= 1
    with pytest.raises(CheatingDetected):
        ggm.open_trees(SID, 1, 0, 4, tree4.bits, wrong, tree4.payload)


@pytest.mark.parametrize("place", [(bytes(32), 1, 0), (SID, 0, 1), (SID, 1, 2)])
def test_session_and_pair_are_in_the_hashes(tree4, place):
    with pytest.raises(CheatingDetected):
        ggm.open_trees(*place, 4, tree4.bits, tree4.chosen, tree4.payload)


def test_lengths_and_shapes(tree4):
    with pytest.raises(MalformedMessage, match="length"):
        tree4.open(tree4.payload[:-1])
    with pytest.raises(ValueError, match="k must be"):
        ggm.trees(3)
    with pytest.raises(ValueError, match="shapes"):
        ggm.build(SID, 1, 0, 4, np.zeros((31, 16), dtype=np.uint8), tree4.k0, tree4.k1)


def test_work_does_not_depend_on_alpha(monkeypatch):
    """The same nodes are hashed, in the same order, whatever the position of the hole."""
    trees = [Tree(4, seed) for seed in (1, 2)]
    assert not np.array_equal(trees[0].alpha, trees[1].alpha)
    calls: list[list[bytes]] = []
    original = ggm._Oracle.__call__

    def recording(self, numbers, block):
        calls[-1].append(numbers)
        return original(self, numbers, block)

    monkeypatch.setattr(ggm._Oracle, "__call__", recording)
    for tree in trees:
        calls.append([])
        tree.open(tree.payload)
    assert len(calls[0]) == 32 * (15 + 16 + 16)
    assert calls[0] == calls[1]
