"""What a user installs: the wheel, and the scripts in a fresh clone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"] if path.is_file())
#: Folders of work, and what is not part of a clone.
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", "*.egg-info", "build", "dist", ".*_cache", ".hypothesis"
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_read_and_run(script: Path) -> None:
    assert script.stat().st_mode & 0o111
    first = script.read_text(encoding="utf-8").splitlines()[0]
    assert first in ("#!/usr/bin/env bash", "#!/usr/bin/env python3")
    if first.endswith("bash"):
        done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        assert "set -euo pipefail" in script.read_text(encoding="utf-8")


def test_continuous_integration_runs_the_test_script() -> None:
    assert "exec scripts/test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_wheel_runs_the_demo(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, source)
    (wheel,) = tmp_path.glob("polytune-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "polytune_cli/demo/programs/care_by_area.garble.rs" in names
    assert not [name for name in names if name.startswith(("tests/", "docs/", "policies/"))]

    place = tmp_path / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel)
    # The dependencies come from the environment that runs the tests; only this package is installed anew.
    (site,) = place.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")

    where = tmp_path / "elsewhere"
    where.mkdir()
    shown = run(place / "bin" / "polytune", "--version", cwd=where).stdout
    assert shown.startswith("polytune 0.")
    record = json.loads(run(place / "bin" / "polytune", "demo", "--rows", "5", "--json", cwd=where).stdout)
    assert record["match"] is True
    assert list(where.iterdir()) == []
    run(place / "bin" / "polytune", "init", "job", cwd=where)
    assert (
        "Nothing stands in the way"
        in run(place / "bin" / "polytune", "check", "-c", "job/policy0.jsonc", "--db", cwd=where).stdout
    )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_fresh_clone_runs_the_demo_and_the_second_run_installs_nothing(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(ROOT, clone, ignore=LEFT_OUT)
    first = run(clone / "scripts" / "demo", "--rows", "5", "--json", cwd=tmp_path)
    assert json.loads(first.stdout)["match"] is True
    assert "Installing" in first.stderr
    second = run(clone / "scripts" / "demo", "--rows", "5", "--parties", "3", "--json", cwd=tmp_path)
    assert json.loads(second.stdout)["parties"] == 3
    assert "Installing" not in second.stderr and "Making" not in second.stderr


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command without this environment's own settings for Python."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    texts = [str(word) for word in command]
    done = subprocess.run(texts, cwd=cwd, env=clean, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done
