"""`polytune warmup`, and what the other commands show when they have to compile first."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.kernels import warm
from engine.kernels.signatures import SIGNATURES
from engine.kernels.warm import Warmth
from polytune_cli import kernels
from polytune_cli.main import cli, run


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def cold(monkeypatch):
    """A machine where compiling takes no time: three kernels, of which the last one ends the work."""

    def work(progress=lambda *step: None, processes=None):
        for done, name in enumerate(("bits._low_bits", "leaky.garble", "prg._stream"), 1):
            progress(done, 3, name)
        return Warmth(3, Path("/somewhere"), True, compiled=3, seconds=1.0, cpu_seconds=2.0)

    monkeypatch.setattr(warm, "is_warm", lambda: False)
    monkeypatch.setattr(warm, "warm", work)


def test_record_of_a_warm_machine(capfd):
    assert run(["warmup", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["ok"] and record["kept"] and record["failed"] == {}
    assert record["kernels"] == len(SIGNATURES)
    assert run(["warmup"]) == 0
    assert capfd.readouterr().out.startswith(f"All {len(SIGNATURES)} kernels are compiled for this processor.")


def test_lines_when_it_has_to_compile(cold):
    done = CliRunner().invoke(cli, ["warmup"])
    assert done.exit_code == 0
    assert "3 of 3 kernels compiled for this processor in 1.00 s (2.00 s of processor time)." in done.output
    assert "They are in /somewhere" in done.output


def test_lines(cold):
    lines: list[str] = []
    kernels.get_ready(lines.append, io.StringIO())
    assert lines == [kernels.WHAT, f"{kernels.WHAT}: 3 of 3"]


def test_bar_on_a_terminal(cold, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    kernels.get_ready(None, stream)
    assert kernels.WHAT in stream.getvalue() and "3/3" in stream.getvalue()


def test_nothing_is_said_when_nothing_is_to_do(monkeypatch):
    monkeypatch.setattr(warm, "is_warm", lambda: True)
    lines: list[str] = []
    assert kernels.get_ready(lines.append) is None
    assert lines == []


@pytest.mark.parametrize(
    ("warmth", "message"),
    [
        (Warmth(3, None, False, compiled=3), "cannot be kept"),
        (Warmth(3, Path("/x"), True, failed={"prg._stream": "KeyError: x"}), "the first is prg._stream: KeyError: x"),
    ],
)
def test_failures_end_with_code_6(monkeypatch, capfd, warmth, message):
    monkeypatch.setattr(warm, "is_warm", lambda: False)
    monkeypatch.setattr(warm, "warm", lambda *arguments: warmth)
    assert run(["warmup", "--json"]) == 6
    out, errors = capfd.readouterr()
    assert json.loads(out)["ok"] is False
    assert message in errors
