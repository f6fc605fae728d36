"""The one signature of every kernel, so that it can be compiled before anybody calls it.

Scalars are ``i64`` (Python integers) and ``u64`` (numpy words); arrays are C-contiguous: ``u64[]``, ``i64[,]`` for two
dimensions, ``&u64[]`` for arrays that are read-only, as those of circuits are.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import types

_KINDS = {
    "i64": types.int64,
    "i32": types.int32,
    "u64": types.uint64,
    "u32": types.uint32,
    "u8": types.uint8,
    "bool": types.boolean,
}

_GATES = "&u8[] &u32[] &u32[]"  # op, a, b of a circuit
_SHARED = "i64[] i64[]"  # G, H of a builder

SIGNATURES = {
    "beaver.sum_peers": "i64 i64 i64 i64 u64[]",
    "beaver._fold_selected": "i64 i64 u64[] i64 u8[] i64 u64[] u64[] i64 u64[] i64 bool",
    "beaver.product_masks": (
        "i64 i64 i64 i64 u8[] u8[] u64[] u64[] u64[] u64[] u64[] u64[] i64 u64[] u64[] i64 u64[] u64[] u64[] i64 u64[]"
    ),
    "bits._low_bits": "u64[] u8[] i64",
    "bits._pack_low_bits": "u64[] u8[] i64",
    "circuit_bench.draw": "u64[] i64",
    "circuit_bench.and_chain": "i64 i64 u64[] u8[] u32[] u32[]",
    "circuit_cost.live_ands": "i64 i64[] i64[] i64[] u8[] i64[]",
    "circuit_emit.gate_xor": f"i64 i64 {_SHARED}",
    "circuit_emit.gate_and": f"i64 i64 {_SHARED}",
    "circuit_emit.gate_or": f"i64 i64 {_SHARED}",
    "circuit_emit.gate_mux": f"i64 i64 i64 {_SHARED}",
    "circuit_emit.gate_majority": f"i64 i64 i64 {_SHARED}",
    "circuit_emit.xor_all": f"i64[] i64[] i64[] {_SHARED}",
    "circuit_emit.and_all": f"i64[] i64[] i64[] {_SHARED}",
    "circuit_emit.mux_all": f"i64[] i64[] i64[] i64[] {_SHARED}",
    "circuit_emit.conjunction": f"i64[,] i64[] {_SHARED}",
    "circuit_emit.parity": f"i64[,] i64[] {_SHARED}",
    "circuit_emit.rehash": f"i64 {_SHARED}",
    "circuit_finish.mark_live": "i64 i64[] i64[] u64[] u32[]",
    "circuit_finish.gather": "i64 i64 i64 i64[] u64[] u32[] u8[] u32[] u32[]",
    "circuit_finish.number_outputs": "i64[] u64[] u32[] u32[]",
    "circuit_normal.fold": f"i64 {_GATES} u32[] u32[] u32[]",
    "circuit_normal.number_live": "i64 u32[] u32[] u32[] u32[] u32[]",
    "circuit_normal.gather_live": "i64 &u8[] u32[] u32[] u32[] u8[] u32[] u32[]",
    "circuit_normal.check_normal": f"i64 {_GATES} &u32[] u8[]",
    "circuit_normal.evaluate_words": f"i64 {_GATES} &u32[] u64[] u64[]",
    "circuit_normal.evaluate_bits": f"i64 {_GATES} &u32[] u8[] u8[]",
    "circuit_normal.and_depth": f"i64 {_GATES} &u32[] u32[]",
    "circuit_normal.pack_gates": f"{_GATES} u64[]",
    "circuit_slots.last_uses": "i64 &u32[] &u32[] &u32[] u64[] u8[] u32[]",
    "circuit_slots.gates_until": "&u8[] i64 i64",
    "circuit_slots._open_block": "i64 u32[] i32[] i32[] u32[] i64[]",
    "circuit_slots.begin_slots": "i64 &u64[] &u32[] u32[] u32[] i32[] i32[] u32[] u32[] i64[]",
    "circuit_slots.assign_slots": f"i64 i64 i64 {_GATES} &u8[] u32[] u32[] i32[] i32[] u32[] u32[] i64[] u32[]",
    "circuit_slots.map_outputs": "&u32[] u32[] u32[] u32[]",
    "circuit_slots.evaluate_slots": "u32[] u8[]",
    "circuit_text.number_wires": "i64 &u32[] &u32[] u8[] u32[] u32[]",
    "circuit_text.list_gates": f"i64 i64 i64 {_GATES} u32[] u32[] u32[,]",
    "circuit_text.write_lines": "u32[,] i64 u8[]",
    "circuit_text.read_lines": "&u8[] i64[] i64 u32[] u8[] u32[] u32[] i64[]",
    "circuit_words.add": f"i64[,] i64[,] i64 i64[,] i64[,] {_SHARED}",
    "circuit_words.accumulate": f"i64[,] i64[] {_SHARED}",
    "circuit_words.carry": f"i64[,] i64[,] i64 i64[] {_SHARED}",
    "circuit_words.running_or": f"i64[,] {_SHARED}",
    "circuit_words.conditional_negate": f"i64[,] i64[] i64[,] {_SHARED}",
    "circuit_words.multiply": f"i64[,] i64[,] i64[,] i64[] {_SHARED}",
    "circuit_words.divide": f"i64[,] i64[,] i64[,] i64[,] i64[] {_SHARED}",
    "circuit_words.compare_exchange": "i64[,] i64[] i64[] i64[] i64[]",
    "circuit_words.exchange": "i64[,] i64[] i64[] i64[] i64[]",
    "circuit_words.shift_bits": f"i64[,] i64[] i64 i64 i64[] i64[,] {_SHARED}",
    "extension.extend": "i64 i64 u64[] i64 i64 i64 i64 u64[] u64[] u64[] u64[] u64[] u64[] i64 u64[]",
    "extension.relabel": "u64[] i64 i64 u64[]",
    "extension.fold_rows": "i64 i64 u64[] u64[] u64[]",
    "garbling.walk_masks": (
        "u32[] i64 i64 i64 i64 i64 u64[] u64[] u64[] i64 u64[] u64[] u64[] u64[] u64[] u64[] i64 u8[]"
    ),
    "garbling.walk_garble": ("u32[] u64[] u64[] &u64[] u64 u64[] u64[] u64[] u64[] u64[] u64[] u64[] u64[] u64[]"),
    "garbling.cross_rows": "i64 i64 u64[] u64[] &u64[] u64 u64[] u64[] u64[] u64[] u64[]",
    "garbling.walk_evaluate": (
        "u32[] i64 i64 u64[] u8[] u64[] u64 u64[] u64[] u64[] u64[] u64[] u64[] u64[] u64[] u64[] u64[] u64[] u8[] u8[]"
    ),
    "garbling.walk_values": "u32[] u8[] u8[] u64[] u64[] u64[]",
    "gf128._multiply_each": "u64[] u64[] u64[]",
    "gf128._inner": "i64 i64 u64[] u64[]",
    "gf128._fold": "i64 i64 u64[] i64 u64[]",
    "gf128._fold_words": "i64 i64 u64[] i64 u64[]",
    "gf128._fold_bits": "i64 i64 u64[] i64 u8[]",
    "hashes._hash_all": "u64 u64 u64 u64 u64 u64[] u64[]",
    "hashes._hash_pairs": "u64 u64 u64 u64 u64 u64[] u64[] u64[] u64[]",
    "leaky.garble": "i64 i64 &u64[] u64 u64[] u64[] u64[] u64[] i64 i64 i64 u64[] u64[] i64",
    "leaky.evaluate": "i64 i64 &u64[] u64 u64 u64[] u64[] u64[] i64",
    "leaky.second_bits": "i64 i64 u64[] i64 u8[]",
    "leaky.correct": "i64 i64 u8[] u64[] u64[] i64",
    "leaky.add_bits": "i64 i64 u8[] u64[] u64[]",
    "prg._expand_all": "u64[] u64[]",
    "prg._stream": "u64[] i64 u64[] i64 i64",
    "prg._encrypt": "u64[] u64[]",
    "transpose._planes_to_rows": "i64 i64 u64[] i64 u64[]",
    "transpose._rows_to_planes": "i64 i64 u64[] u64[] i64",
    "triples.difference_bits": "i64 i64 u64[] i64 i64 i64 u8[]",
    "triples.sum_layers": "i64 i64 u64[] i64 i64[] i64",
    "triples.combine": "i64 i64 u64[] u64[] u8[] i64 i64[] i64",
    "triples.select_blocks": "i64 i64 u8[] u64[] u64[] u64[]",
}


def _type_of(text: str) -> Any:
    name, bracket, rest = text.lstrip("&").partition("[")
    kind = _KINDS[name]
    if not bracket:
        return kind
    return types.Array(kind, rest.count(",") + 1, "C", readonly=text.startswith("&"))


@cache
def signature(name: str) -> tuple[Any, ...]:
    """Argument types of the kernel ``module.function``; KeyError if the table does not have it."""
    return tuple(_type_of(text) for text in SIGNATURES[name].split())
