"""Published vectors of sections 1 and 2: oracle, PRG, hash, field, folding."""

from __future__ import annotations

import numpy as np
import pytest

from engine.kernels import bits, gf128, hashes, prg
from engine.oracle import DCHK, MITC, RO
from tests.kernels.reference import sigma
from tests.vectors.reading import blocks, texts, vector


def decode(part: dict) -> bytes | int | str:
    """A part of RO as the vectors write it."""
    if "bytes" in part:
        return bytes.fromhex(part["bytes"])
    return part["int"] if "int" in part else part["ascii"]


@pytest.mark.parametrize("name", ["RO, no part", "RO, bytes, integer, ASCII", "RO, part boundaries matter"])
def test_oracle(name):
    given, expected = vector(name)
    parts = [decode(part) for part in given.get("parts", [])]
    assert RO(given["label"], *parts).hex() == expected["digest"]


def test_part_boundaries_matter():
    given, expected = vector("RO, part boundaries matter")
    joined = b"".join(decode(part) for part in given["parts"])
    assert RO(given["label"], joined).hex() == expected["digest_of_one_part_000102"]
    assert expected["digest_of_one_part_000102"] != expected["digest"]


def test_commitment():
    given, expected = vector("commitment dchk")
    sid, d, salt = (bytes.fromhex(given[name]) for name in ("sid", "d", "salt"))
    assert RO(DCHK, sid, given["i"], given["r"], given["v"], d, salt).hex() == expected["commitment"]


@pytest.mark.parametrize("name", ["PRG", "PRG with offset"])
def test_prg(name):
    given, expected = vector(name)
    stream = prg.prg(bytes.fromhex(given["seed"]), given["N"], given["off"])
    assert texts(stream) == expected["blocks"]


def test_sigma():
    given, expected = vector("sigma")
    x = int.from_bytes(bytes.fromhex(given["x"]), "little")
    assert sigma(x).to_bytes(16, "little").hex() == expected["sigma"]


def test_hash():
    given, expected = vector("hash H with tweaks")
    hk = RO(MITC, bytes.fromhex(given["sid"]), given["s"])[:16]
    assert hk.hex() == expected["Hk_s"]
    assert {case["dom"] for case in expected["cases"]} == {1, 2, 3, 4}
    for case in expected["cases"]:
        high = hashes.tweak_high(case["dom"], case["s"], case["d"], case["half"])
        tweak = case["idx"].to_bytes(8, "little") + int(high).to_bytes(8, "little")
        assert tweak.hex() == case["tweak"]
        place = (case["idx"], case["dom"], case["s"], case["d"], case["half"])
        assert texts(hashes.mitccrh(hk, *place, blocks([given["x"]]))) == [case["H"]]


def test_products():
    given, expected = vector("GF(2^128) products")
    assert texts(gf128.mul(blocks(given["a"]), blocks(given["b"]))) == expected["product"]


def test_folds():
    given, expected = vector("fold and foldbits")
    seed = bytes.fromhex(given["seed"])
    assert gf128.fold(seed, blocks(given["m"])).tobytes().hex() == expected["fold"]
    packed = bits.pack(np.array(given["bits"], dtype=np.uint8))
    assert gf128.foldbits(seed, packed, len(given["bits"])).tobytes().hex() == expected["foldbits"]
