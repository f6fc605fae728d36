"""``polytune eval`` and ``polytune stats``: outputs and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from polytune_cli.commands import eval as eval_command
from polytune_cli.commands import stats as stats_command

PROGRAM = """const LIMIT: i16 = P::LIMIT;
pub fn main(a: i16, b: i16) -> (i16, bool) { (a / b, a < LIMIT) }
pub fn sum(a: i8, b: i8) -> i8 { a + b }
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A program in a file."""
    path = tmp_path / "p.garble.rs"
    path.write_text(PROGRAM)
    return str(path)


def run_eval(*args: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(eval_command.command, list(args))


def test_value(program: str) -> None:
    """Status 0; negative numbers are arguments, not options."""
    result = run_eval(program, "-7", "2", "--const", "P::LIMIT=-3", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"ok": "(-3, true)"}
    assert run_eval("--const", "P::LIMIT=-3i16", program, "-7", "-2i16").stdout == "(3, true)\n"


def test_panic(program: str) -> None:
    """Status 1."""
    result = run_eval(program, "--json", "5", "0", "--const", "P::LIMIT=1")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"panic": "DivByZero", "line": 2, "column": 47}
    text = run_eval(program, "--function", "sum", "100", "100", "--const", "P::LIMIT=1")
    assert text.exit_code == 1
    assert text.stdout == ""
    assert "Overflow at line 3 (p.garble.rs:3:34)" in text.stderr


@pytest.mark.parametrize(
    ("args", "code", "category"),
    [
        (["1", "2"], 3, "compile"),
        (["1", "2", "--const", "P::LIMIT=1u8"], 3, "compile"),
        (["1", "2", "--const", "P::LIMIT=1", "--function", "max"], 3, "compile"),
        (["1", "40000", "--const", "P::LIMIT=1"], 4, "input"),
        (["1", "--const", "P::LIMIT=1"], 4, "input"),
    ],
)
def test_errors(program: str, args: list[str], code: int, category: str) -> None:
    """The JSON object is printed in every case."""
    result = run_eval(program, "--json", *args)
    assert result.exit_code == code
    error = json.loads(result.stdout)["error"]
    assert error["category"] == category
    assert all({"line", "column", "message"} == set(item) for item in error["diagnostics"])


@pytest.mark.parametrize(("text", "category"), [("fn $", "scan"), ("fn", "parse"), ("fn f() -> u8 { 1 }", "type")])
def test_errors_of_the_program(tmp_path: Path, text: str, category: str) -> None:
    """Status 3 for everything in the program, for both commands."""
    path = tmp_path / "p.garble.rs"
    path.write_text(text)
    for command in (eval_command.command, stats_command.command):
        result = CliRunner().invoke(command, [str(path), "--json"])
        assert result.exit_code == 3
        assert json.loads(result.stdout)["error"]["category"] == category
        plain = CliRunner().invoke(command, [str(path)])
        assert plain.exit_code == 3
        assert f"{category} error at" in plain.stderr


def test_literals_from_files(program: str, tmp_path: Path) -> None:
    """An argument may be a path."""
    path = tmp_path / "a.txt"
    path.write_text("  100 // a hundred\n")
    assert run_eval(program, str(path), "7", "--const", "P::LIMIT=1").stdout == "(14, false)\n"


@pytest.mark.parametrize("text", ["LIMIT=3", "P::LIMIT", "P::=3", "::LIMIT=3", "P::LIMIT="])
def test_malformed_constants(program: str, text: str) -> None:
    """A usage error."""
    result = run_eval(program, "1", "2", "--const", text)
    assert result.exit_code == 2
    assert "PARTY::NAME=VALUE" in result.stderr


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Usage errors, no traceback."""
    assert run_eval(str(tmp_path / "missing.garble.rs")).exit_code == 2
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    result = run_eval(str(binary))
    assert result.exit_code == 2
    assert "UTF-8" in result.stderr


def test_checked_joins(tmp_path: Path) -> None:
    """`--check-joins`: the panic with its name, status 1; `stats` counts the comparisons."""
    path = tmp_path / "join.garble.rs"
    path.write_text(
        "pub fn main(a: [(u8, u8); 3], b: [(u8, u8); 3]) -> u8 {\n    let mut n = 0u8;\n"
        "    for _ in join_iter(a, b) { n += 1; }\n    n\n}\n"
    )
    good, bad = "[(1, 0), (2, 0), (3, 0)]", "[(1, 0), (3, 0), (2, 0)]"
    assert run_eval(str(path), good, good, "--check-joins").stdout == "3\n"
    result = run_eval(str(path), good, bad, "--check-joins", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"panic": "JoinOrder", "line": 3, "column": 27}
    result = run_eval(str(path), good, bad, "--check-joins")
    text = "program panicked: Join Input Not Strictly Ascending (parameter `b`) at line 3 (join.garble.rs:3:27)\n"
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(text)
    assert run_eval(str(path), good, bad).exit_code == 0
    counts = [
        json.loads(CliRunner().invoke(stats_command.command, [str(path), "--json", *option]).stdout)["and_gates"]
        for option in ([], ["--check-joins"])
    ]
    assert 2 * 2 * 8 <= counts[1] - counts[0] <= 2 * 2 * 9


def test_stats(program: str) -> None:
    """All figures of the circuit."""
    result = CliRunner().invoke(
        stats_command.command, [program, "--json", "--function", "sum", "--const", "P::LIMIT=1"]
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["and_gates"] == 8
    assert figures["gates"] == figures["and_gates"] + figures["xor_gates"]
    assert figures["input_bits"] == [8, 8]
    assert figures["output_bits"] == 169
    assert figures["and_depth"] == 8
    assert figures["compile_seconds"] >= 0
    lines = CliRunner().invoke(stats_command.command, [program, "--function", "sum", "--const", "P::LIMIT=1"]).stdout
    assert "and gates" in lines


JOIN = """pub fn main(a: [(u8, u8); 2], b: [(u8, u8); 3]) -> u8 {
    let mut n = 0u8;
    for _ in join_iter(a, b) { n += 1; }
    n
}
pub fn set(a: [i8; 2], b: [i8; 2]) -> bool { join(a, b)[2].0 }
pub fn all(a: [[u8; 2]; 2]) -> bool { join(a[0], a[1])[2].0 }
"""


@pytest.mark.parametrize(
    ("args", "unsorted"),
    [
        (["[(1, 9), (2, 1)]", "[(1, 0), (2, 0), (3, 0)]"], []),
        (["[(2, 9), (1, 1)]", "[(1, 0), (2, 0), (3, 0)]"], ["a"]),
        (["[(1, 1), (1, 2)]", "[(1, 0), (9, 0), (3, 0)]"], ["a", "b"]),
        (["--function", "set", "[1, -1]", "[-2, 2]"], ["b"]),
        (["--function", "all", "[2, 1]", "[2, 1]"], []),
    ],
)
def test_tables_out_of_order_are_named(tmp_path: Path, args: list[str], unsorted: list[str]) -> None:
    """A join counts on the order of its rows: without it the value is printed with a note on standard error."""
    path = tmp_path / "p.garble.rs"
    path.write_text(JOIN)
    result = run_eval(str(path), "--json", *args)
    assert result.exit_code == 0, result.output
    assert set(json.loads(result.stdout)) == {"ok"}
    assert [line.split("`")[1] for line in result.stderr.splitlines()] == unsorted


def test_a_file_that_does_not_exist(program: str, tmp_path: Path) -> None:
    """It is named as one; ranges and other literals are not taken for files."""
    result = run_eval(program, str(tmp_path / "a.txt"), "1", "--const", "P::LIMIT=1")
    assert result.exit_code == 4
    assert result.stderr == f"input error: there is no file {tmp_path / 'a.txt'}\n"
