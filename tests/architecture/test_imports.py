"""Start-up: help and version import nothing heavy; the engine's rooms are loaded on use."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numba", "numpy", "flask", "requests", "sqlalchemy", "cheroot", "rich", "cryptography")


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('MODULES', ' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.rpartition("MODULES")[2].split())


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["--version"]])
def test_help_and_version_import_nothing_heavy(args: list[str]) -> None:
    loaded = modules_after(f"from polytune_cli.main import run\nassert run({args!r}) == 0")
    assert "click" in loaded
    assert not loaded.intersection(HEAVY)


def test_serve_usage_mistakes_import_nothing_heavy() -> None:
    loaded = modules_after("from polytune_cli.main import run\nassert run(['serve', '--port', '70000']) == 2")
    assert not loaded.intersection(HEAVY)


def test_importing_the_engine_loads_no_room() -> None:
    assert not modules_after("import engine").intersection(HEAVY)
