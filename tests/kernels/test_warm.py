"""All kernels compile ahead, once, wherever the package and the home directory are."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import engine.kernels
from engine.kernels import KERNELS, warm
from engine.kernels.signatures import SIGNATURES, signature
from tests.kernels.test_cache import ROOT, run

for _module in pkgutil.iter_modules(engine.kernels.__path__):
    importlib.import_module(f"engine.kernels.{_module.name}")

#: Work that calls most kernels; what a kernel was compiled for must be what the table says.
WORK = """
import json
import numpy as np, engine
from engine.circuit.bench import and_chain
from engine.circuit.slots import plan_circuit
from engine.kernels import KERNELS, transpose
from engine.kernels.circuit_slots import evaluate_slots
from engine.kernels.signatures import signature

def zeros(circuit):
    return [np.zeros(bits, np.uint8) for bits in circuit.input_bits]

for parties in (2, 3):
    circuit = and_chain(300, parties, 7)
    engine.simulate(circuit, zeros(circuit))
program = engine.compile_program('''
pub fn main(a: [([u8; 2], u8); 8], b: [([u8; 2], u8); 9], x: i32, y: i32) -> (u8, i32, i32, bool, i32, bool, i32) {
    let mut s = 0u8;
    for joined in join_iter(a, b) { let (l, r) = joined; s = s ^ r.1; }
    let mut t = 0;
    for row in a { t = t + row.1 as i32; }
    (s, x / y + x % y, x * y, (x == y) | (x > y), x << s, (x == 0) & (y < 3), t)
}''')
circuit = program.circuit
circuit.evaluate(zeros(circuit))
circuit.evaluate_packed(np.zeros(circuit.inputs, np.uint64))
circuit.and_depth
circuit.to_bristol(BRISTOL)
circuit = engine.Circuit.from_bristol(BRISTOL)
walk = plan_circuit(circuit).walk()
gates = walk.segment(10)
evaluate_slots(gates, np.zeros(walk.plan.slots, np.uint8))
transpose.rows_to_planes(np.zeros((128, 2), np.uint64))
from tests.kernels import probe
probe.results()
print(json.dumps([
    (name, [str(found) for found in kernel.signatures], str(signature(name)))
    for name, kernel in KERNELS.items() if kernel.signatures
]))
"""

#: A program that warms up, and says what it did and what it was told meanwhile.
WARM = """
import json
from engine.kernels import warm
told = []
result = warm.warm(lambda *step: told.append(step))
print(json.dumps({"compiled": result.compiled, "failed": result.failed, "kept": result.kept, "told": told,
                  "warm": warm.is_warm(), "again": warm.warm().compiled, "directory": str(result.directory)}))
"""


def _start(code: str, **environment: str) -> subprocess.Popen[str]:
    merged = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.Popen([sys.executable, "-c", code], env=merged, stdout=subprocess.PIPE, text=True)


def _warmed(process: subprocess.Popen[str]) -> dict:
    output, _ = process.communicate(timeout=290)
    assert process.returncode == 0
    found: dict = json.loads(output)
    assert found["failed"] == {} and found["again"] == 0
    assert [step[0] for step in found["told"]] == list(range(1, len(SIGNATURES) + 1))
    assert {name for _, _, name in found["told"]} == set(SIGNATURES)
    return found


def test_every_kernel_has_a_signature():
    assert set(KERNELS) == set(SIGNATURES)
    for name, kernel in KERNELS.items():
        assert kernel.py_func.__code__.co_argcount == len(signature(name)), name


def test_kernels_are_called_as_the_table_says(tmp_path):
    found = json.loads(run(f"BRISTOL = {str(tmp_path / 'circuit.txt')!r}\n{WORK}"))
    assert len(found) > 60
    for name, compiled, declared in found:
        assert compiled == [declared], name


def test_two_programs_on_an_empty_cache_share_the_work(tmp_path):
    """Each kernel is compiled once, and both find all of them afterwards."""
    started = [_start(WARM, POLYTUNE_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    found = [_warmed(process) for process in started]
    assert sum(result["compiled"] for result in found) == len(SIGNATURES)
    assert all(result["warm"] and result["kept"] for result in found)
    code = "from engine.kernels import bits; import numpy as np; bits.pack_low_bits(np.ones((3, 2), np.uint64));"
    code += "print(sum(bits._pack_low_bits.stats.cache_misses.values()))"
    assert run(code, POLYTUNE_CACHE_DIR=str(tmp_path)) == "0"


@pytest.mark.long
def test_portable_kernels_warm_too(tmp_path):
    _warmed(_start(WARM, POLYTUNE_CACHE_DIR=str(tmp_path), POLYTUNE_PORTABLE_KERNELS="1"))


@pytest.mark.long
def test_without_any_place_the_code_lasts_as_long_as_the_process(tmp_path):
    nowhere = "from engine import codecache; codecache.candidates = lambda: iter(())\n"
    found = _warmed(_start(nowhere + WARM, TMPDIR=str(tmp_path)))
    assert Path(found["directory"]).parent.parent == tmp_path
    assert found["compiled"] == len(SIGNATURES) and not found["kept"]
    assert not Path(found["directory"]).exists()


def test_read_only_package_and_home(tmp_path):
    """Nothing is written beside the sources; with a home that cannot be written the temporary directory is used."""
    room = Path(engine.kernels.__file__).parent
    before = {path for path in room.rglob("*") if "__pycache__" not in path.parts}
    code = "from engine.kernels import bits, cache_base; import numpy as np; bits.low_bits(np.ones((3, 2), np.uint64))"
    code += "; print(*cache_base(), sum(bits._low_bits.stats.cache_misses.values()))"
    places = {"HOME": "/proc", "XDG_CACHE_HOME": "", "POLYTUNE_CACHE_DIR": "", "TMPDIR": str(tmp_path)}
    for misses in ("1", "0"):
        directory, kept, missed = run(code, **places).split()
        assert Path(directory).parent.parent == tmp_path
        assert (kept, missed) == ("True", misses)
    assert {path for path in room.rglob("*") if "__pycache__" not in path.parts} == before
    assert not list(room.rglob("*.nbc"))


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can give a directory away")
def test_directory_of_somebody_else_is_not_used(tmp_path):
    show = "from engine.kernels import cache_base; print(cache_base()[0])"
    directory = Path(run(show, POLYTUNE_CACHE_DIR=str(tmp_path / "a")))
    os.chown(directory, 12345, 12345)
    elsewhere = run(show, POLYTUNE_CACHE_DIR=str(tmp_path / "a"), XDG_CACHE_HOME=str(tmp_path / "b"))
    assert (tmp_path / "b") in Path(elsewhere).parents


def test_changed_source_compiles_again(tmp_path):
    """Also when the change is in a module that is only imported."""
    shutil.copytree(ROOT / "engine", tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    cache = tmp_path / "cache"
    code = "from engine.kernels import transpose, warm; import numpy as np; from engine import codecache;"
    code += "transpose.rows_to_planes(np.ones((128, 2), np.uint64));"
    code += "print(sum(transpose._rows_to_planes.stats.cache_misses.values()), codecache.version())"

    def misses() -> list[str]:
        # The directory it runs in comes first on the path.
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "POLYTUNE_CACHE_DIR": str(cache)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    first = misses()
    assert (first[0], misses()) == ("1", ["0", first[1]])
    helper = tmp_path / "engine" / "kernels" / "simd.py"
    helper.write_text(helper.read_text() + "\n# changed\n")
    second = misses()
    assert second[0] == "1" and second[1] != first[1]


def test_processes_that_die_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(warm, "_file", lambda kind: tmp_path / kind)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    result = warm.warm(processes=2)
    assert set(result.failed) == set(SIGNATURES) and result.compiled == 0
    assert "ended" in result.failed["bits._low_bits"]
    assert not warm.is_warm()


def test_kernel_that_does_not_compile_is_told(monkeypatch):
    monkeypatch.setitem(SIGNATURES, "leaky.correct", "u8[] u8[]")
    signature.cache_clear()
    answer = warm._compile("leaky.correct")
    signature.cache_clear()
    assert "error" in answer and answer["kernel"] == "leaky.correct"
