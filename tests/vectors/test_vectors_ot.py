"""Published vectors of sections 4.3, 4.4 and 6: base OT, punctured trees, OT extension."""

from __future__ import annotations

import numpy as np
import pytest

from engine.kernels.prg import key_schedules
from engine.oracle import COTFS, COTV, RO
from engine.ot import base_ot, ggm, softspoken
from tests.vectors.reading import blocks, texts, vector


def test_hash_to_curve():
    given, expected = vector("hash to curve")
    sid, e = bytes.fromhex(given["sid"]), bytes.fromhex(given["e"])
    assert len({case["iterations"] for case in expected["cases"]}) > 1
    for case in expected["cases"]:
        point, tried = base_ot.hash_to_curve(sid, given["i"], given["j"], case["u"], case["b"], e)
        assert (point.hex(), tried) == (case["point"], case["iterations"])


@pytest.mark.parametrize("choice", [0, 1])
def test_base_ot(choice):
    given, expected = vector(f"base OT, choice {choice}")
    place = (bytes.fromhex(given["sid"]), given["i"], given["j"], given["u"])
    a, o, y = (base_ot.private_key(int(given[name], 16)) for name in ("a", "o", "y"))
    other = base_ot.encode_public(o.public_key())
    chosen = base_ot.choose(*place, given["c"], a, other)
    pair = (chosen, other) if given["c"] == 0 else (other, chosen)
    assert [point.hex() for point in pair] == [expected["R_0"], expected["R_1"]]
    assert base_ot.encode_public(y.public_key()).hex() == expected["Y"]
    assert [key.hex() for key in base_ot.send(*place, y, *pair)] == [expected["k_0"], expected["k_1"]]
    key = base_ot.receive(*place, given["c"], a, *pair, bytes.fromhex(expected["Y"]))
    assert key.hex() == expected["chooser_key"]


def ggm_inputs(given: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Roots and base OT keys of all trees: those of the vector at their places, others elsewhere."""
    random = np.random.default_rng(7)
    roots = random.integers(0, 256, (128 // given["k"], 16), dtype=np.uint8)
    keys = random.integers(0, 256, (2, 128, 16), dtype=np.uint8)
    roots[given["t"]] = np.frombuffer(bytes.fromhex(given["root"]), dtype=np.uint8)
    for u, pair in given["base_ot_keys"].items():
        for b in (0, 1):
            keys[b, int(u)] = np.frombuffer(bytes.fromhex(pair[b]), dtype=np.uint8)
    return roots, keys[0], keys[1]


def test_ggm_tree():
    given, expected = vector("one GGM tree, key holder 1, bit holder 0")
    sid, i, j, k, t = bytes.fromhex(given["sid"]), given["i"], given["j"], given["k"], given["t"]
    roots, k0, k1 = ggm_inputs(given)
    payload, seeds = ggm.build(sid, i, j, k, roots, k0, k1)
    count = 128 // k
    corrections = payload[32 * k * t : 32 * k * (t + 1)].hex()
    assert corrections == "".join(text for level in expected["corrections_by_depth"] for text in level)
    checks = payload[4096:]
    assert checks[32 * t : 32 * t + 32].hex() == expected["t_hat"]
    assert checks[32 * (count + t) : 32 * (count + t) + 32].hex() == expected["g"]
    assert [seed.tobytes().hex() for seed in seeds[t]] == expected["seeds"]

    bits = np.random.default_rng(8).integers(0, 2, 128, dtype=np.uint8)
    bits[t * k : t * k + k] = [given["alpha"] >> b & 1 for b in range(k)]
    chosen = np.where(bits[:, None] == 0, k1, k0)  # choice = 1 xor bit
    opened = ggm.open_trees(sid, i, j, k, bits, chosen, payload)
    punctured = ["00" * 16 if y == given["alpha"] else expected["seeds"][y] for y in range(1 << k)]
    assert [seed.tobytes().hex() for seed in opened[t]] == punctured


@pytest.fixture(scope="module")
def batch():
    """Everything both parties compute in the vector of section 6."""
    given, expected = vector("SoftSpoken batch of 128 shares, k = 4, key holder 1, bit holder 0")
    leaves = [RO("vec", "seed", t, y)[:16] for t in range(32) for y in range(16)]
    assert leaves[0].hex() == given["seed_0_0"] and leaves[-1].hex() == given["seed_31_15"]
    seeds = np.frombuffer(b"".join(leaves), dtype=np.uint8).reshape(-1, 16)
    schedules = key_schedules(seeds).reshape(32, 16, 22)
    x = blocks(given["x_blocks_data_then_sacrificial"])
    delta = np.unpackbits(np.frombuffer(bytes.fromhex(given["D_1"]), dtype=np.uint8), bitorder="little")
    alpha = (delta.reshape(32, 4) << np.arange(4)).sum(axis=1).astype(np.uint8)
    d, v = softspoken.extend_bits(schedules, x, given["off"])
    w, _ = softspoken.extend_keys(schedules, alpha, d, given["off"])
    return given, expected, x, delta, alpha, d, v, w


def test_extension(batch):
    _, expected, _, _, alpha, d, v, w = batch
    assert alpha.tolist() == expected["alpha"]
    assert [texts(stream) for stream in d] == expected["d"]
    assert texts(v.column) == expected["V_0"] and texts(w.column) == expected["W_0"]


def test_check_values(batch):
    given, expected, x, delta, _, _, v, w = batch
    chi = bytes.fromhex(given["chi"])
    x_fold = softspoken.fold_stream(chi, x)[None]
    assert texts(x_fold) == [expected["X"]]
    folded = softspoken.fold(chi, v)
    assert [texts(folded)[0], texts(folded)[-1]] == expected["F_V_first_last"]
    place = (bytes.fromhex(given["sid"]), given["c"], given["i"], given["j"])
    assert RO(COTV, *place, folded).hex() == expected["v_hash"]
    expected_folds = softspoken.fold(chi, w) ^ (x_fold & (np.uint64(0) - delta.astype(np.uint64))[:, None])
    assert RO(COTV, *place, expected_folds).hex() == expected["v_hash"]


def test_fiat_shamir_challenge(batch):
    given, expected, d = batch[0], batch[1], batch[5]
    place = (bytes.fromhex(given["sid"]), given["c"], given["i"], given["j"])
    assert RO(COTFS, *place, d)[:16].hex() == expected["chi_if_fs_1"]


def test_macs_and_keys(batch):
    _, expected, _, _, _, _, v, w = batch
    assert texts(v.rows) == expected["M"]
    assert texts(w.rows) == expected["K"]
