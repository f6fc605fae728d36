"""Write docs/cheaper.md: what makes a program expensive, with the output of `polytune stats` and counts of AND gates.

With --check only compare (exit code 1: differs).
"""

from __future__ import annotations

import sys

from generated import ROOT, write_or_check

PAGE = ROOT / "docs" / "cheaper.md"

START = """# Make a program cheaper

Made by `python docs/cheaper.py`; do not edit by hand.

Every AND gate of a circuit costs traffic and time between the parties; XOR and NOT gates cost nothing. `polytune stats`
tells how many AND gates a program has, and which functions and lines they come from, largest first. Work on the first
line of the list, and leave the rest alone.

## An example

"""
MIDDLE = """
Most of the gates are in `share`: 40 multiplications and 40 divisions of 32 bits, one for each row. But the bonus of a
department is a share of the sum of its wages, so eight of each are enough; and wages fit into 16 bits, percentages
into 8. (The result is the more exact one, too: it is rounded once, not once a row.)

"""
END = """
A gate counts where the innermost expression or statement that made it begins: what an `if`, a `match` or a loop has to
merge counts at its head, merging two tables at the `join`, the check for an overflow or a bad index at the operator or
the access. What a function costs counts inside it, for all its calls together. A gate that two places share counts at
the first one. So each list adds up to the number of AND gates of the finished circuit.

`polytune stats PROGRAM --json` gives the same as `functions` and `lines`, without the limit of 20 lines. Compare two
versions of a program with `polytune eval` before you trust the cheaper one.

## What costs how much

| this | AND gates | instead of | AND gates |
| --- | --- | --- | --- |
"""
TABLE = [
    ("x: u16, y: u16", "u32", "x as u32 + y as u32", "x: u32, y: u32", "x + y"),
    ("x: u32, y: u32", "u32", "x * 100", "x: u32, y: u32", "x * y"),
    ("x: u32, y: u32", "u32", "x / 100", "x: u32, y: u32", "x / y"),
    ("x: u32, y: u32", "u32", "x / 128", "x: u32, y: u32", "x / 100"),
    ("x: u32, k: u8", "u32", "x << 5", "x: u32, k: u8", "x << k"),
    ("a: [u32; 16], i: u8", "u32", "a[3]", "a: [u32; 16], i: u8", "a[i as usize]"),
    (
        "c: bool, x: u32, y: u32, z: u32",
        "u32",
        "(if c { x } else { y }) * z",
        "c: bool, x: u32, y: u32, z: u32",
        "if c { x * z } else { y * z }",
    ),
    (
        "a: [(u32, u8); 50], b: [(u32, u8); 50]",
        "u8",
        "let mut n = 0u8; for ((_, x), (_, y)) in join_iter(a, b) { n += 1; } n",
        "a: [(u32, u8); 50], b: [(u32, u8); 50]",
        "let mut n = 0u8; for (k, x) in a { for (l, y) in b { if k == l { n += 1; } } } n",
    ),
]
LAST = """
- Take the narrowest type that holds the values. An addition costs one AND gate a bit, a multiplication or division
  grows with the square.
- Keep work out of loops: a loop is unrolled, so its body counts as often as it runs.
- A constant operand, a constant index and a constant shift cost less than secret ones, often nothing. Numbers of rows
  and limits that everybody may know belong into constants.
- Both branches of an `if` are computed. Choose the operands, then compute once.
- A secret index touches every element of the array. Where rows are sorted by that index, or both sides have a key, use
  `join_iter`: two loops inside each other compare every row with every row.
- `^`, `!`, casts, building and taking apart of tuples, structs and arrays are free.
"""


def page() -> str:
    """The whole page."""
    parts = [START, example("bonus"), MIDDLE, example("bonus_cheaper"), END]
    for parameters, result, cheap, dear_parameters, dear in TABLE:
        few, many = ands(parameters, result, cheap), ands(dear_parameters, result, dear)
        assert few < many, cheap
        parts.append(f"| {code(cheap, parameters)} | {few:,} | {code(dear, dear_parameters)} | {many:,} |\n")
    return "".join([*parts, LAST])


def example(name: str) -> str:
    """A program of docs/examples and what `polytune stats` says about it, without the time it took."""
    from click.testing import CliRunner

    from polytune_cli.main import cli

    file = f"docs/examples/{name}.garble.rs"
    done = CliRunner().invoke(cli, ["stats", str(ROOT / file)])
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if not line.startswith("compile seconds")]
    source = (ROOT / file).read_text(encoding="utf-8")
    return f"```rust\n{source}```\n\n```text\n$ polytune stats {file}\n" + "\n".join(lines) + "\n```\n"


def ands(parameters: str, result: str, body: str) -> int:
    """AND gates of a function."""
    import engine

    return engine.compile_program(f"pub fn main({parameters}) -> {result} {{ {body} }}").circuit.and_gates


def code(body: str, parameters: str) -> str:
    """A cell of the table."""
    return f"`{body}` with `{parameters}`".replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
