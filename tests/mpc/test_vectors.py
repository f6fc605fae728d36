"""Known answers for the steps of the protocol (sections 1, 3, 4.1, 4.5, 4.6, 7 to 10)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from engine.kernels.prg import prg
from engine.mpc import coins, hello, zero_test
from engine.mpc.bucketing import Bucketing, shifts
from engine.mpc.coins import Coins, coin_value
from engine.mpc.evaluator import Evaluator
from engine.mpc.exec_header import ExecHeader
from engine.mpc.garbler import Garbler
from engine.mpc.inputs import collect_shares, reveal_shares
from engine.mpc.leaky_and import LeakyAnd
from engine.mpc.party import places_of
from engine.mpc.product_masks import SegmentShares
from engine.mpc.session import Session
from engine.mpc.shares import Shares, add_public
from engine.oracle import COIN, COIN_SEED, DCHK, ECHO, INMAC, OUTMAC, RO
from engine.randomness import Randomness
from engine.transport.frame import Header, pack

from .support import block, in_threads, macs_of, payload, recorded, session_of, small_parameters, vector


def parts(entries):
    decode = {"bytes": bytes.fromhex, "int": int, "ascii": str}
    return [decode[kind](value) for entry in entries for kind, value in entry.items()]


@pytest.mark.parametrize("name", ["RO, no part", "RO, bytes, integer, ASCII", "RO, part boundaries matter"])
def test_random_oracle(name):
    v = vector(name)
    assert RO("vec", *parts(v["inputs"].get("parts", []))).hex() == v["outputs"]["digest"]


def test_commitment():
    v = vector("commitment dchk")
    i = v["inputs"]
    sid, d, salt = (bytes.fromhex(i[k]) for k in ("sid", "d", "salt"))
    assert RO(DCHK, sid, i["i"], i["r"], i["v"], d, salt).hex() == v["outputs"]["commitment"]


def test_echo_hash():
    v = vector("echo hash")
    i = v["inputs"]
    digest = RO(ECHO, bytes.fromhex(i["sid"]), i["phase"], i["a"], i["b"], i["k"], bytes.fromhex(i["payload"]))
    assert digest.hex() == v["outputs"]["hash"]


def test_frame_header():
    v = vector("frame header: LAM, execution 9, segment 3, from 0 to 1, 33 payload bytes")
    header = Header("LAM", 0, 1, 9, 3, bytes.fromhex(v["inputs"]["sid"])[:8], 33)
    assert pack(header).hex() == v["outputs"]["header"]


def test_party_renumbering():
    v = vector("party renumbering")
    places = places_of(v["inputs"]["n"], v["inputs"]["evaluator"])
    numbers = [places.index(p) for p in range(v["inputs"]["n"])]
    expected = v["outputs"]["protocol_index_of_application_party"]
    assert numbers == (list(expected.values()) if isinstance(expected, dict) else expected)


def test_public_constant():
    v = vector("adding the public constant 1 to a share (P_0 holds MAC, P_1 holds key)")
    i, o = v["inputs"], v["outputs"]
    one = np.ones(1, np.uint8)
    holder = Shares(block(i["M_1"]).copy().reshape(1, 1, 2), np.zeros((1, 1, 2), np.uint64))
    keeper = Shares(np.zeros((1, 1, 2), np.uint64), block(i["K_1"]).copy().reshape(1, 1, 2))
    add_public(holder, one, 0, block(i["D_1"]))
    add_public(keeper, one, 1, block(i["D_1"]))
    assert holder.macs.tobytes().hex() == o["new_M_1"]
    assert keeper.keys.tobytes().hex() == o["new_K_1"]
    assert holder.bits()[0] == o["new_bit_0"]


def test_hello():
    v = vector("HELLO and sid")
    i = v["inputs"]
    params = small_parameters(i["n"], rho=i["rho"], w=i["w"], k=i["k"], bucket=i["B"], layer=i["L"], masks=i["mw"])
    channels, _ = recorded(2)
    session = Session(
        channels[0],
        params,
        context=bytes.fromhex(i["ctx"]),
        identities=i["ids_ascii"],
        randomness=Randomness(),
        workers=None,  # type: ignore[arg-type]
    )
    h = hello.parameter_hash(session)
    assert h.hex() == v["outputs"]["h"]
    assert hello.session_id(h, [bytes.fromhex(n) for n in i["nonces"]]).hex() == v["outputs"]["sid"]


def test_coins():
    v = vector("coins of batch 1, n = 3")
    sid = bytes.fromhex(v["inputs"]["sid"])
    keys = [bytes.fromhex(k) for k in v["inputs"]["coin_keys"]]
    for coin in v["outputs"]["coins"]:
        seeds = [RO(COIN_SEED, key, coin["r"]) for key in keys]
        assert [s.hex() for s in seeds] == coin["seeds"]
        commitments = [RO(COIN, sid, i, coin["r"], s).hex() for i, s in enumerate(seeds)]
        assert commitments == coin["commitments"]
        assert coin_value(sid, coin["tag"], coin["r"], seeds).hex() == coin["value"]
        assert coin["r"] == 4 + coins.INDEX[coin["tag"]]


class FixedSalt(Randomness):
    """The one salt of the vector."""

    def __init__(self, salt: bytes) -> None:
        super().__init__()
        self.salt = salt

    def bytes(self, label, n):
        return self.salt if label.startswith("zt/") else super().bytes(label, n)


def batch_shares(n: int, ell: int, deltas: list[np.ndarray]) -> list[Shares]:
    streams = [prg(RO("vec", "bits", n, j)[:16], ell // 128) for j in range(n)]
    bits = [np.unpackbits(s.view(np.uint8), bitorder="little").reshape(-1) for s in streams]
    keys = {}
    for i in range(n):
        for j in range(n):
            if i != j:
                k = prg(RO("vec", "keys", n, i, j)[:16], ell)
                k[:, 0] &= ~np.uint64(1)
                keys[i, j] = k
    out = []
    for p in range(n):
        peers = [q for q in range(n) if q != p]
        macs = np.stack([macs_of(keys[q, p], bits[p], deltas[q]) for q in peers])
        out.append(Shares(macs, np.stack([keys[p, q] for q in peers])))
    return out


@pytest.mark.parametrize("n", [2, 3])
def test_batch(n):
    """Leaky AND, zero test, shifts and OPEN of one small batch, message by message."""
    v = vector(f"leaky AND, zero test, bucket, OPEN: n = {n}, w = 64, B = 2, L = 2, batch 1")
    i, o = v["inputs"], v["outputs"]
    sid, deltas = bytes.fromhex(i["sid"]), [block(d) for d in i["D"]]
    params = small_parameters(n)
    channels, log = recorded(n)
    ell = params.shares(1)
    shares = batch_shares(n, ell, deltas)
    keys = [bytes.fromhex(k) for k in i["coin_keys"]]

    def work(p):
        session = session_of(channels[p], params, sid, deltas[p])
        if n > 2:
            session.random = FixedSalt(bytes.fromhex(o["ZT_OPEN"][str(p)])[16:])
        coin_box = Coins(session)
        coin_box._key = keys[p]
        coin_box.commit(0)
        s = shares[p]
        leaky = LeakyAnd(session, 1, s)
        leaky.half_gates()
        d = leaky.corrections()
        coin = coin_box.open("leaky", 1)
        leaky.finish(d)
        value = leaky.folded(coin)
        zero_test.run(session, coin_box, 1, s[12 + params.masks :], value)
        bucketing = Bucketing(session, 1, coin, s)
        bucketing.open()
        return leaky.s.copy(), coin, value

    results = in_threads([lambda p=p: work(p) for p in range(n)])
    for p, (q, coin, value) in enumerate(results):
        wide = np.zeros((4, 2), np.uint64)
        wide[:, 0] = q[:, 0]
        assert [b.tobytes().hex() for b in wide] == o["Q"][str(p)]
        assert coin.hex() == o["coin_leaky"]
        assert value.tobytes().hex() == o["V"][str(p)]
        for to in range(n):
            if to != p:
                assert payload(log, "LEAKY_G", p, to).hex() == o["G"][f"{p}->{to}"]
                assert payload(log, "LEAKY_S", p, to).hex() == o["S_bits"][f"{p}->{to}"]
                c = payload(log, "ZT_C", p, to)
                assert hashlib.sha256(c).hexdigest() == o["zero_test_c_sha256"][f"{p}->{to}"]
                assert payload(log, "OPEN_BUCKET", p, to).hex() == o["OPEN_BUCKET"][f"{p}->{to}"]
                if n == 2:
                    assert payload(log, "ZT_HASH", p, to).hex() == o["ZT_HASH"][f"{p}->{to}"]
                else:
                    assert payload(log, "ZT_COM", p, to).hex() == o["ZT_COM"][str(p)]
                    assert payload(log, "ZT_OPEN", p, to).hex() == o["ZT_OPEN"][str(p)]
    assert shifts(sid, 1, results[0][1], 2, 2)[1] == o["shift_1"]


#: A single AND gate of two inputs: slots 0, 1 -> 2.
ONE_GATE = np.array([0, 2, 2 * 2 + 1], np.uint32)


def gate_shares(n: int, i: dict, deltas: list[np.ndarray]) -> list[SegmentShares]:
    def key(owner, name, holder):
        return block(i["keys"][f"K_{owner}[{name}^{holder}]"])

    out = []
    for p in range(n):
        peers = [q for q in range(n) if q != p]
        macs, keys = {}, {}
        for name in ("lambda_a", "lambda_b", "lambda_o", "sigma"):
            bit = np.array([i["shares"][name][p]], np.uint8)
            macs[name] = np.stack([macs_of(key(q, name, p)[None], bit, deltas[q]) for q in peers])
            keys[name] = np.bitwise_xor.reduce(np.stack([key(p, name, q)[None] for q in peers]), axis=0)
        macs_s, keys_s = macs["sigma"] ^ macs["lambda_o"], keys["sigma"] ^ keys["lambda_o"]
        out.append(
            SegmentShares(macs["lambda_a"], macs["lambda_b"], macs_s, keys["lambda_a"], keys["lambda_b"], keys_s)
        )
    return out


@pytest.mark.parametrize("n", [2, 3])
def test_one_gate(n):
    """Rows of one AND gate, its evaluation for all four inputs, U and T."""
    v = vector(f"one garbled AND gate, n = {n}")
    i, o = v["inputs"], v["outputs"]
    sid, deltas = bytes.fromhex(i["sid"]), [block(d) for d in i["D"]]
    base, s0 = i["idx_gbase_plus_g"], bytes.fromhex(i["s_0"])
    for case in o["evaluation"]:
        channels, log = recorded(n)
        shares = gate_shares(n, i, deltas)  # garbling and evaluation write over them
        sessions = [session_of(channels[p], small_parameters(n), sid, deltas[p]) for p in range(n)]
        evaluator = Evaluator(sessions[0], 3, 2, 0, base, 1)
        sessions[0].random = type("Fixed", (Randomness,), {"bytes": lambda self, label, n: s0})()
        garblers, pending = {}, {}
        for p in range(1, n):
            garblers[p] = g = Garbler(sessions[p], 3, 2, 0, base, 1)
            zero = [block(i[w][str(p)]) for w in ("a0", "b0")]
            g.labels[:2] = zero
            pending[p] = g.garble(0, ONE_GATE, shares[p])
            check_rows(payload(log, "ROWS", p, 0), o, p, n)
            assert pending[p].zeros.tobytes().hex() == o["label_o0"][str(p)]
            g.values[:2] = (case["Lam_a"], case["Lam_b"])
            for slot, name in ((0, "active_a"), (1, "active_b")):
                evaluator.labels[slot, p - 1] = block(case[name][str(p)])
        evaluator.values[:2] = (case["Lam_a"], case["Lam_b"])
        done = evaluator.evaluate(0, ONE_GATE, shares[0])
        for p, g in garblers.items():
            assert evaluator.labels[2, p - 1].tobytes().hex() == case["label_o"][str(p)]
            lam = payload(log, "LAM", 0, p)
            assert lam[0] == case["Lam_o"]
            assert lam[1:17].hex() == case["U"][str(p)]
            g.verify(pending[p])
            assert payload(log, "T", p, 0).hex() == case["T"][str(p)]
        evaluator.verify(done)


def check_rows(data: bytes, o: dict, p: int, n: int) -> None:
    rows = o["rows"][str(p)]
    blocks = [data[16 * t : 16 * t + 16].hex() for t in range(len(data) // 16)]
    assert blocks == list(rows.values())
    if p == 1:
        assert data[16 * len(rows)] == o["beta"]


def test_input_messages():
    v = vector("input messages: P_1 to owner P_0 (3 wires, n = 2) and MASKED")
    i, o = v["inputs"], v["outputs"]
    channels, log = recorded(2)
    sid = bytes.fromhex(i["sid"])
    sender = session_of(channels[1], small_parameters(2), sid, np.zeros(2, np.uint64))
    owner = session_of(channels[0], small_parameters(2), sid, block(i["D_0"]))
    macs = np.stack([block(m) for m in i["MACs_of_P_1"]])
    bits = np.array(i["shares_of_P_1"], np.uint8)
    reveal_shares(sender, "INSHARE", INMAC, i["exec"], 0, macs, bits)
    assert payload(log, "INSHARE", 1, 0).hex() == o["INSHARE"]
    own = np.array(i["shares_of_P_0"], np.uint64)
    masks = Shares(
        np.stack([own, np.zeros(3, np.uint64)], axis=1)[None], np.stack([block(k) for k in i["keys_of_P_0"]])[None]
    )
    lambdas = collect_shares(owner, "INSHARE", INMAC, i["exec"], masks)
    masked = np.packbits(np.array(i["x"], np.uint8) ^ lambdas, bitorder="little")
    assert masked.tobytes().hex() == o["MASKED"]


def test_output_message():
    v = vector("output message: P_1 to receiver P_0, list [w0, w2, w0]")
    i, o = v["inputs"], v["outputs"]
    channels, log = recorded(2)
    sender = session_of(channels[1], small_parameters(2), bytes.fromhex(i["sid"]), np.zeros(2, np.uint64))
    macs = np.stack([block(m) for m in i["MACs_in_list_order"]])
    reveal_shares(sender, "OUTPUT", OUTMAC, i["exec"], 0, macs, np.array(i["shares_of_P_1"], np.uint8))
    assert payload(log, "OUTPUT", 1, 0).hex() == o["OUTPUT"]


def test_exec_payload():
    v = vector("EXEC payload")
    i = v["inputs"]
    names = ("exec", "A", "I", "seg", "tbase", "mbase", "gbase", "cdone", "flags")
    header = ExecHeader(*(i[n] for n in names), bytes.fromhex(i["cdig"]))
    assert header.pack().hex() == v["outputs"]["payload"]
    assert ExecHeader.unpack(header.pack()) == header
