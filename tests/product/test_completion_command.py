"""`polytune completion`: the scripts, and what the shells ask with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from polytune_cli.main import run


def ask(words: str, position: int) -> list[str]:
    """What bash would be offered for the word at ``position``."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "_POLYTUNE_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(position),
    }
    command = [sys.executable, "-m", "polytune_cli.main"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_command_and_is_one_of_its_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_POLYTUNE_COMPLETE={shell}_complete" in script
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr


def test_another_shell_is_a_usage_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err


def test_commands_options_and_choices_are_offered() -> None:
    assert ask("polytune co", 1) == ["compile", "completion"]
    assert {"--config", "--wait-peers"} <= set(ask("polytune serve --", 2))
    assert ask("polytune data --parties ", 3) == ["2", "3"]
