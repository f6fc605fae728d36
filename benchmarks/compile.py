"""How compiling grows with the size of a program: one JSON object a line, each size in a process of its own.

python benchmarks/compile.py [--quick]

Joins of n and n rows ``([u8; 25], u8)`` with a counter for each match, and loops over secret arrays. The kernels are
loaded before the clock starts. ``bytes_per_gate``: peak memory above that of a tiny program, over all gates.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from time import perf_counter

JOIN = """pub fn main(a: [([u8; 25], u8); {n}], b: [([u8; 25], u8); {n}]) -> u16 {{
    let mut matches = 0u16;
    for _ in join_iter(a, b) {{ matches += 1; }}
    matches
}}"""
SUM = "pub fn main(a: [u32; {n}], z: u8) -> u32 {{ let mut s = 0u32; for x in a {{ s += x; }} s }}"
CHOICE = """enum E {{ A, B(u8), C(i8, bool) }}
pub fn main(a: [E; {n}], z: u8) -> u32 {{
    let mut s = 0u32;
    for e in a {{
        match e {{
            E::A => {{ s += 1; }},
            E::B(x) => {{ s += x as u32; }},
            E::C(y, true) => {{ if y > 0 {{ s += 7; }} }},
            _ => {{}},
        }}
    }}
    s
}}"""
FULL = [
    ("join", JOIN, (100, 1000, 10000)),
    ("sum", SUM, (1000, 10000, 50000)),
    ("choice", CHOICE, (1000, 10000, 50000)),
]
QUICK = [("join", JOIN, (20, 200)), ("sum", SUM, (100, 1000)), ("choice", CHOICE, (100, 1000))]


def peak() -> int:
    """Largest resident memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(name: str, text: str, size: int) -> dict[str, object]:
    """Compile once small, then at this size."""
    import engine

    engine.compile_program(text.format(n=3))
    before, start = peak(), perf_counter()
    circuit = engine.compile_program(text.format(n=size)).circuit
    seconds = perf_counter() - start
    return {
        "case": name,
        "size": size,
        "and_gates": circuit.and_gates,
        "gates": circuit.gates,
        "seconds": round(seconds, 3),
        "gates_per_second": round(circuit.gates / seconds),
        "peak_rss_bytes": peak(),
        "bytes_per_gate": round((peak() - before) / circuit.gates, 2),
    }


def main() -> int:
    """Run all sizes; the exit code is that of the first that fails."""
    if len(sys.argv) == 3 and sys.argv[1] != "--quick":
        name, size = sys.argv[1], int(sys.argv[2])
        print(json.dumps(measure(name, {case[0]: case[1] for case in FULL}[name], size)))
        return 0
    for name, _, sizes in QUICK if "--quick" in sys.argv[1:] else FULL:
        for size in sizes:
            code = subprocess.run([sys.executable, __file__, name, str(size)], check=False).returncode
            if code:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
