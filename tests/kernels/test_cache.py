"""Where machine code is kept: private, per processor, per source; never an error at import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine.kernels as kernels

ROOT = Path(kernels.__file__).resolve().parents[2]
SHOW = "import engine.kernels as k; print(k.NATIVE, k.cache_directory(k.__file__))"


def run(code: str, **environment: str) -> str:
    """Output of a fresh interpreter with this environment on top."""
    merged = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    result = subprocess.run(
        [sys.executable, "-c", code], env=merged, capture_output=True, text=True, check=True, timeout=120
    )
    return result.stdout.strip()


def test_directory_follows_the_environment(tmp_path):
    native, directory = run(SHOW, POLYTUNE_CACHE_DIR=str(tmp_path)).split()
    assert Path(directory).parent.parent == tmp_path
    assert native == str(kernels.NATIVE)
    other = run(SHOW, POLYTUNE_CACHE_DIR=str(tmp_path), POLYTUNE_PORTABLE_KERNELS="1").split()
    assert other[0] == "False" and Path(other[1]).parent != Path(directory).parent


def test_directory_is_private(tmp_path):
    directory = Path(run(SHOW, POLYTUNE_CACHE_DIR=str(tmp_path)).split()[1]).parent
    assert directory.stat().st_mode & 0o077 == 0
    directory.chmod(0o777)
    elsewhere = run(SHOW, POLYTUNE_CACHE_DIR=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "xdg")).split()[1]
    assert (tmp_path / "xdg") in Path(elsewhere).parents


def test_symbolic_links_are_not_followed(tmp_path):
    directory = Path(run(SHOW, POLYTUNE_CACHE_DIR=str(tmp_path / "a")).split()[1]).parent
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / directory.name).symlink_to(directory)
    elsewhere = run(SHOW, POLYTUNE_CACHE_DIR=str(tmp_path / "b"), XDG_CACHE_HOME=str(tmp_path / "c")).split()[1]
    assert (tmp_path / "c") in Path(elsewhere).parents


def test_import_survives_unusable_directories(tmp_path):
    """With no place for a cache kernels still compile and run."""
    blocker = tmp_path / "file"
    blocker.write_text("not a directory")
    code = "from engine.kernels import bits; import numpy as np; print(bits.low_bits(np.ones((3, 2), np.uint64)).sum())"
    places = {name: str(blocker / "x") for name in ("POLYTUNE_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "TMPDIR")}
    assert run(code, **places) == "3"


def test_second_process_uses_the_cache(tmp_path):
    code = (
        "from engine.kernels import bits; import numpy as np; bits.low_bits(np.ones((3, 2), np.uint64));"
        "s = bits._low_bits.stats; print(sum(s.cache_hits.values()), sum(s.cache_misses.values()))"
    )
    assert run(code, POLYTUNE_CACHE_DIR=str(tmp_path)) == "0 1"
    assert run(code, POLYTUNE_CACHE_DIR=str(tmp_path)) == "1 0"


def test_directory_depends_on_imported_helpers():
    """prg.py inlines aes.py and simd.py: their text is part of its key."""
    assert {"aes_native", "aes_portable", "simd"} <= _reach("prg")
    assert "simd" not in _reach("parallel")


def _reach(module: str) -> set[str]:
    waiting, done = {module}, set()
    while waiting:
        name = waiting.pop()
        done.add(name)
        waiting |= kernels._source(name)[1] - done
    return done


@pytest.mark.parametrize("value", ["", "0"])
def test_empty_switch_means_native(value):
    assert run("import engine.kernels as k; print(k.NATIVE)", POLYTUNE_PORTABLE_KERNELS=value) == str(
        run("import engine.kernels as k; print(k.NATIVE)", POLYTUNE_PORTABLE_KERNELS="0")
    )
