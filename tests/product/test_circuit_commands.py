"""`polytune stats` and `polytune compile` as processes: costs, circuit files, errors and exit codes; their pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import engine

ROOT = Path(__file__).parents[2]
PROGRAM = """const LIMIT: u8 = P::LIMIT;
pub fn main(a: u8, b: u8) -> (u8, bool) {
    let sum = a + b;
    (sum, below(a, b)
        && sum < LIMIT)
}

fn below(x: u8, y: u8) -> bool { x < y } // \x1b[31mcheap\x1b[0m
pub fn nothing(a: u8) -> () { }
pub fn free(a: u8, b: u8) -> u8 { a ^ b }
"""
CONST = ("--const", "P::LIMIT=200")


def polytune(*args: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    line = [sys.executable, "-m", "polytune_cli.main", *map(str, args)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program in a file."""
    path = tmp_path / "p.garble.rs"
    path.write_text(PROGRAM)
    return path


def test_stats_json(program: Path) -> None:
    """Every list adds up to the AND gates and begins with the largest."""
    figures = json.loads(polytune("stats", program, *CONST, "--json").stdout)
    compiled = engine.compile_program(PROGRAM, consts={"P": {"LIMIT": 200}})
    assert list(figures)[:7] == [
        *("and_gates", "xor_gates", "gates", "and_depth", "input_bits", "output_bits", "compile_seconds")
    ]
    assert (figures["and_gates"], figures["gates"]) == (compiled.circuit.and_gates, compiled.circuit.gates)
    assert (figures["input_bits"], figures["output_bits"]) == ([8, 8], 161 + 9)
    for key, place in (("functions", "name"), ("lines", "line")):
        counts = [item["and_gates"] for item in figures[key]]
        assert sum(counts) == figures["and_gates"] and counts == sorted(counts, reverse=True)
        assert len({item[place] for item in figures[key]}) == len(counts)
    assert {item["name"] for item in figures["functions"]} == {"main", "below"}
    assert {item["line"] for item in figures["lines"]} <= {3, 4, 5, 8}
    texts = {item["line"]: item["text"] for item in figures["lines"]}
    assert texts[3] == "let sum = a + b;" and texts[8].startswith("fn below")


def test_stats_text(program: Path, tmp_path: Path) -> None:
    """A table with shares; source text cannot move the cursor. A long list is cut off, and says so."""
    text = polytune("stats", program, *CONST).stdout
    assert re.search(r"^ +8 +\d+\.\d %  3 \| let sum = a \+ b;$", text, re.MULTILINE)
    assert re.search(r"^ +\d+ +\d+\.\d %  below$", text, re.MULTILINE)
    assert "\x1b" not in text
    long = tmp_path / "long.garble.rs"
    sums = "\n".join(f"let x{i + 1} = x{i} + y;" for i in range(25))
    long.write_text(f"pub fn main(x0: u16, y: u16) -> u16 {{\n{sums}\nx25\n}}\n")
    cut = polytune("stats", long).stdout
    assert cut.count(" | let x") == 20 and "in 5 more (--all-lines)" in cut
    whole = polytune("stats", long, "--all-lines").stdout
    assert whole.count(" | let x") == 25 and "more" not in whole


def test_stats_of_a_program_without_and_gates(program: Path) -> None:
    """Nothing to divide by."""
    text = polytune("stats", program, *CONST, "--function", "free").stdout
    assert "and gates        0" in text and "by line" not in text


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("lsb_first", [False, True])
def test_compile_and_back(program: Path, tmp_path: Path, keep: bool, lsb_first: bool) -> None:
    """The file gives what the program gives; with panic bits it is the same circuit, gate for gate."""
    path = tmp_path / "p.txt"
    options = ["--keep-panics"] * keep + ["--lsb-first"] * lsb_first
    report = json.loads(polytune("compile", program, "-o", path, *CONST, *options, "--json").stdout)
    compiled = engine.compile_program(PROGRAM, consts={"P": {"LIMIT": 200}})
    circuit = engine.Circuit.from_bristol(path, lsb_first=lsb_first)
    assert (report["file"], report["format"], report["panic_bits"]) == (str(path), "bristol", 161 * keep)
    assert (report["and_gates"], report["xor_gates"]) == (circuit.and_gates, circuit.xor_gates)
    assert circuit.input_bits == (8, 8) and circuit.output_bits == 9 + 161 * keep == report["output_bits"]
    assert circuit.and_gates < compiled.circuit.and_gates or keep
    for values in (("3", "4"), ("100", "99"), ("199", "0"), ("200", "100")):
        inputs = [compiled.encode(party, value) for party, value in enumerate(values)]
        whole, found = compiled.circuit.evaluate(inputs), circuit.evaluate(inputs)
        if keep:
            assert (found == whole).all()
        elif not whole[0]:
            assert (found == whole[161:]).all()
    if keep:
        for array in ("op", "a", "b", "outputs"):
            assert np.array_equal(getattr(circuit, array), getattr(compiled.circuit, array))


def test_compile_tells_what_it_wrote(program: Path, tmp_path: Path) -> None:
    """The summary is on standard error; an old file is replaced; without -o nothing is written."""
    path = tmp_path / "p.txt.xz"
    path.write_text("old")
    done = polytune("compile", program, "-o", path, *CONST)
    assert done.stdout == "" and f"written to {path}" in done.stderr
    assert re.search(
        r"^\d+ AND gates, \d+ XOR gates, AND depth \d+, 8 \+ 8 input bits, 9 output bits$", done.stderr, re.M
    )
    stats = json.loads(polytune("stats", path, "--json").stdout)
    assert (stats["input_bits"], stats["output_bits"], stats["lines"]) == ([8, 8], 9, [])
    assert "nothing written" in polytune("compile", program, *CONST).stderr
    assert {item.name for item in tmp_path.iterdir()} == {"p.garble.rs", "p.txt.xz"}


def test_errors_of_compile(program: Path, tmp_path: Path) -> None:
    """3 for the program, 6 for the file, 2 for the command line; nothing is left behind."""
    path = tmp_path / "p.txt"
    assert "missing constant `P::LIMIT`" in polytune("compile", program, "-o", path, code=3).stderr
    error = json.loads(polytune("compile", program, "-o", path, "--json", code=3).stdout)["error"]
    assert error["category"] == "compile" and error["diagnostics"][0]["line"] == 1
    nowhere = tmp_path / "none" / "p.txt"
    assert "Error: cannot write" in polytune("compile", program, "-o", nowhere, *CONST, code=6).stderr
    error = json.loads(polytune("compile", program, "-o", nowhere, *CONST, "--json", code=6).stdout)["error"]
    assert error["category"] == "resource" and "no such file" in error["diagnostics"][0]["message"]
    assert "the program itself" in polytune("compile", program, "-o", program, *CONST, code=2).stderr
    assert "--keep-panics" in polytune("compile", program, "--function", "nothing", *CONST, code=2).stderr
    assert "bristol" in polytune("compile", program, "--format", "ssa", code=2).stderr
    assert {item.name for item in tmp_path.iterdir()} == {"p.garble.rs"}
    assert program.read_text() == PROGRAM


def test_compile_checked_joins(tmp_path: Path) -> None:
    """The file tells of rows out of order, in the bits that are kept for panics only."""
    program, path = tmp_path / "p.garble.rs", tmp_path / "p.txt"
    text = "pub fn main(a: [(u8, u8); 2], b: [(u8, u8); 2]) -> u8 { for _ in join_iter(a, b) {} 7u8 }"
    program.write_text(text)
    assert "--check-joins needs --keep-panics" in polytune("compile", program, "--check-joins", code=2).stderr
    polytune("compile", program, "-o", path, "--check-joins", "--keep-panics")
    circuit, compiled = engine.Circuit.from_bristol(path), engine.compile_program(text, check_joins=True)
    good, bad = "[(1, 0), (2, 0)]", "[(2, 0), (2, 1)]"
    outputs = [circuit.evaluate([compiled.encode(0, good), compiled.encode(1, b)]) for b in (good, bad)]
    assert compiled.decode(outputs[0]).value == 7
    with pytest.raises(engine.GarblePanic, match="parameter `b`"):
        compiled.decode(outputs[1])


def test_circuit_files_of_stats(tmp_path: Path) -> None:
    """A mistake is told with its line; what belongs to programs only is refused."""
    path = tmp_path / "c.txt"
    path.write_text("2 4\n2 1 1\n1 1\n\n2 1 0 1 2 XOR\n2 1 0 9 3 AND\n")
    assert f"Error: {path}, line 6: wire 9 is out of range" in polytune("stats", path, code=3).stderr
    error = json.loads(polytune("stats", path, "--json", code=3).stdout)["error"]
    assert error["category"] == "circuit" and error["diagnostics"][0]["line"] == 6
    assert "no functions, constants or joins" in polytune("stats", path, "--function", "main", code=2).stderr
    assert "is a circuit" in polytune("eval", path, "1", "2", code=2).stderr
    assert "is a circuit" in polytune("compile", path, code=2).stderr
    assert "or joins" in polytune("stats", path, "--check-joins", code=2).stderr


def test_page_about_cheaper_programs() -> None:
    """Its outputs and counts are those of today's compiler."""
    done = subprocess.run([sys.executable, ROOT / "docs" / "cheaper.py", "--check"], timeout=120, check=False)
    assert done.returncode == 0, "run: python docs/cheaper.py"


def test_the_cheaper_example_gives_the_same() -> None:
    """Up to the rounding that the page tells about."""
    dear, cheap = (
        engine.compile_program((ROOT / "docs" / "examples" / f"{name}.garble.rs").read_text(encoding="utf-8"))
        for name in ("bonus", "bonus_cheaper")
    )
    rng = np.random.default_rng(1)
    staff = [(int(d), int(w)) for d, w in zip(rng.integers(0, 8, 40), rng.integers(0, 65536, 40))]
    arguments = [str(staff), "[5, 10, 0, 15, 20, 1, 99, 3]"]
    one, two = (json.loads(program.evaluate(arguments)) for program in (dear, cheap))
    exact = [
        sum(wage for place, wage in staff if place == d) * p // 100 for d, p in enumerate([5, 10, 0, 15, 20, 1, 99, 3])
    ]
    assert two == exact
    assert all(0 <= b - a <= 40 for a, b in zip(one, two)) and max(two) > 1000


def test_page_about_circuit_files(tmp_path: Path) -> None:
    """Its commands and its Python lines work."""
    page = (ROOT / "docs" / "circuits.md").read_text(encoding="utf-8")
    (shell,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    for line in shell.splitlines():
        polytune(*(tmp_path / word if word == "bonus.txt" else word for word in line.split()[1:]))
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(), timeout=120, check=False)
    assert done.returncode == 0 and (tmp_path / "product.txt").exists()


def environment() -> dict[str, str]:
    """This tree is the one that is imported, wherever a process runs."""
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}
