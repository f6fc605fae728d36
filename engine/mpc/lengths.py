"""The longest that each message of a run can be (spec: protocol, section 3.2): more is refused by its header alone."""

from __future__ import annotations

from engine.circuit import Circuit
from engine.mpc.parameters import Parameters
from engine.transport.frame import BROADCAST

_COIN = _HASH = 32


def longest_messages(params: Parameters, circuit: Circuit, segment: int) -> dict[str, int]:
    """Payload bytes by message, in a session that executes ``circuit`` in segments of ``segment`` AND gates."""
    peers = params.parties - 1
    ands, inputs = min(segment, circuit.and_gates), circuit.inputs
    blocks = max(params.blocks(0), params.blocks(1)) + 1
    fixed = {
        "ABORT": 2,
        "HELLO": 64,
        "BASEOT": 24_960,
        "COINPAGE": 8192,
        "COT_X": 16,
        "COT_V": 32,
        "DCHK1": 8224,
        "DCHK2": 48 + 2048 * peers,
        "DCHK3": 6144,
        "ZT_C": 6144,
        "ZT_COM": _HASH,
        "ZT_OPEN": 48,
        "ZT_HASH": _HASH,
        "EXEC": 104,
        "T": 16,
        "OK": 0,
    }
    coins = dict.fromkeys(("COIN_COT", "COIN_LEAKY", "COIN_ZT"), _COIN)
    echoes = {f"{label}/echo": _HASH * (peers - 1) for label in BROADCAST}
    sized = {
        "GGM": 4096 + 64 * params.trees,
        "COT_D": 16 * params.trees * blocks,
        "LEAKY_G": params.total_triples * params.w // 8,
        "LEAKY_S": _packed(params.total_triples),
        "OPEN_BUCKET": _packed((params.bucket - 1) * params.layer) + 16,
        "OPEN_BEAVER": _packed(2 * ands) + 16,
        "ROWS": ands * (32 + 48 * (peers - 1)) + _packed(ands),
        "INSHARE": _packed(inputs) + _HASH,
        "MASKED": _packed(inputs),
        "LABELS": 16 * inputs,
        "LAM": _packed(ands) + 32,
        "OUTPUT": _packed(len(circuit.outputs)) + _HASH,
    }
    return {**fixed, **coins, **echoes, **sized}


def _packed(bits: int) -> int:
    return -(-bits // 8)
