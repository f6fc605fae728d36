"""The programs whose AND gates docs/and_gates.py counts, with the counts of the reference compiler."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from and_gates_programs import PROGRAMS

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT.parent / "shared" / "spec" / "examples"

OPERATORS = ("x + y", "x - y", "x * y", "x / y", "x % y", "x < y", "x > y", "x <= y", "x >= y", "x == y")
OPERATORS += ("x << k", "x >> k", "-x", "x / 3", "if x < y { x } else { y }")
OPERATOR_COUNTS: dict[str, tuple[int | None, ...]] = {
    "u8": (22, 29, 223, 154, 155, 41, 41, 49, 49, 7, 68, 68, None, 48, 49),
    "u16": (46, 61, 959, 570, 571, 89, 89, 105, 105, 15, 131, 131, None, 224, 105),
    "u32": (94, 125, 3967, 2170, 2171, 185, 185, 217, 217, 31, 258, 258, None, 960, 217),
    "usize": (94, 125, 3967, 2170, 2171, 185, 185, 217, 217, 31, 258, 258, None, 960, 217),
    "u64": (190, 253, 16127, 8442, 8443, 377, 377, 441, 441, 63, 513, 513, None, 3968, 441),
    "i8": (22, 29, 270, 193, 194, 41, 41, 49, 49, 7, 68, 60, 6, 74, 49),
    "i16": (46, 61, 1062, 657, 658, 89, 89, 105, 105, 15, 131, 123, 14, 282, 105),
    "i32": (94, 125, 4182, 2353, 2354, 185, 185, 217, 217, 31, 258, 250, 30, 1082, 217),
    "i64": (190, 253, 16566, 8817, 8818, 377, 377, 441, 441, 63, 513, 505, 62, 4218, 441),
}
ARRAY_COUNTS: dict[tuple[str, int], tuple[int | None, ...]] = {
    ("u8", 16): (380, 4132, 4476, 164),
    ("u32", 16): (1412, 16420, 17796, None),
    ("u8", 64): (752, 16424, 17136, 536),
    ("u32", 64): (2888, 65576, 68424, None),
    ("u8", 256): (2276, 65580, None, None),
    ("u32", 256): (8972, 262188, None, None),
}
JOINS = ("sum, 8", "count, 8", "sum, 20", "count, 20", "rows, 8", "rows, 20", "set, 8", "set, 20")
JOIN_COUNTS = {
    10: (8097, 6736, 17601, 16240, 23760, 55728, 14080, 34816),
    50: (59590, 50376, 129840, 120552, 236088, 551448, 131400, 324168),
    100: (133972, 114156, 293620, 273804, 594662, 1387526, 324966, 801222),
    500: (848772, 737756, 1891620, 1780604, 4820356, 11227108, 2545940, 6270740),
    1000: (1836388, 1605916, 4114180, 3883708, 11370466, 26469250, 5941474, 14629762),
}
SMALL = {
    "sum of `[u32; 16]`": (
        1424,
        "pub fn main(a: [u32; 16], z: u8) -> u32 { let mut s = 0u32; for x in a { s += x; } s }",
    ),
    "maximum of `[u32; 16]`": (
        3318,
        "pub fn main(a: [u32; 16], z: u8) -> u32 { let mut s = 0u32; for x in a { if x > s { s = x; } } s }",
    ),
    "dot product of two `[i32; 16]`": (
        68407,
        "pub fn main(a: [i32; 16], b: [i32; 16]) -> i32 "
        "{ let mut s = 0i32; for i in 0usize..16 { s += a[i] * b[i]; } s }",
    ),
    "equality of two `[u8; 32]`": (255, "pub fn main(a: [u8; 32], b: [u8; 32]) -> bool { a == b }"),
    "Hamming distance of two `u64`": (
        531,
        "pub fn main(a: u64, b: u64) -> u8 { let mut v = a ^ b; let mut n = 0u8; "
        "for _ in 0u8..64 { n += (v & 1) as u8; v = v >> 1; } n }",
    ),
    "odd-even transposition sort of 16 `u16`": (
        12600,
        "pub fn main(a: [u16; 16], z: u8) -> [u16; 16] { let mut s = a; for r in 0usize..16 { for i in 0usize..15 "
        "{ if (r + i) & 1 == 0 { if s[i] > s[i + 1] { let t = s[i]; s[i] = s[i + 1]; s[i + 1] = t; } } } } s }",
    ),
}


@dataclass(frozen=True)
class Line:
    """One program. ``rows`` is the size of a join."""

    label: str
    reference: int | None
    source: str
    function: str = "main"
    consts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: int = 0


def tables() -> dict[str, list[Line]]:
    """All tables by title."""
    small = [Line(label, count, source) for label, (count, source) in SMALL.items()]
    found = {"Operators": list(operators()), "Secret indices": list(arrays()), "Joins": list(joins())}
    found |= {"Small programs": small, "Examples of the specification": list(examples())}
    for title, programs in PROGRAMS.items():
        found[title] = [Line(label, count, source) for label, (count, source) in programs.items()]
    return found


def operators() -> Iterator[Line]:
    """Operators on whole parameters."""
    for body_number, body in enumerate(OPERATORS):
        for name, counts in OPERATOR_COUNTS.items():
            reference = counts[body_number]
            if reference is not None:
                compares = any(operator in body for operator in ("< y", "> y", "= y")) and "if" not in body
                source = f"pub fn main(x: {name}, y: {name}, k: u8) -> {'bool' if compares else name} {{ {body} }}"
                yield Line(f"`{body}`, {name}", reference, source)


def arrays() -> Iterator[Line]:
    """Reading and writing at a secret index."""
    for (element, size), (read, write, change, short) in ARRAY_COUNTS.items():
        array = f"[{element}; {size}]"
        head = f"pub fn main(a: {array}, i: usize, v: {element}) -> "
        programs = (
            ("a[i]", read, f"{head}{element} {{ a[i] }}"),
            ("a[i] = v", write, f"{head}{array} {{ let mut b = a; b[i] = v; b }}"),
            ("a[i] ^= v", change, f"{head}{array} {{ let mut b = a; b[i] ^= v; b }}"),
            ("a[i as usize], i: u8", short, f"pub fn main(a: {array}, i: u8) -> {element} {{ a[i as usize] }}"),
        )
        yield from (Line(f"`{body}`, `{array}`", count, source) for body, count, source in programs if count)


def joins() -> Iterator[Line]:
    """Joins of n rows with n rows: keys of 8 or 20 bytes, one byte of payload."""
    for rows, counts in JOIN_COUNTS.items():
        for kind, count in zip(JOINS, counts):
            yield Line(f"{kind}, {rows} rows", count, join(*kind.split(", "), rows), rows=rows)


def join(kind: str, key: str, rows: int) -> str:
    """The program of one column of the table of joins."""
    row = f"([u8; {key}], u8)"
    size = f"const {{ {rows}usize + {rows}usize - 1usize }}"
    head = f"pub fn main(a: [{row}; {rows}], b: [{row}; {rows}]) -> "
    if kind == "sum":
        body = "for ((_, x), (_, y)) in join_iter(a, b) { s += (x as u32) + (y as u32); } s"
        return f"{head}u32 {{ let mut s = 0u32; {body} }}"
    if kind == "count":
        return f"{head}u16 {{ let mut s = 0u16; for _ in join_iter(a, b) {{ s += 1; }} s }}"
    if kind == "rows":
        return f"{head}[(bool, {row}, {row}); {size}] {{ join(a, b) }}"
    keys = f"[[u8; {key}]; {rows}]"
    return f"pub fn main(a: {keys}, b: {keys}) -> [(bool, [u8; {key}]); {size}] {{ join(a, b) }}"


def examples() -> Iterator[Line]:
    """The example programs, where the specification lies beside the repository."""
    for name, entry in json.loads((EXAMPLES / "expected.json").read_text()).items():
        count = entry.get("and_gates_sound") or entry.get("and_gates_reference")
        if count is not None:
            source = (EXAMPLES / name).read_text()
            yield Line(f"`{name}`", count, source, entry["function"], entry["consts"])
