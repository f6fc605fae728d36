"""Global options anywhere, the bare form, log lines, exit codes."""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path

import click
import pytest

from engine.errors import DataError, PolicyError, SecurityError
from polytune_cli import console, exits
from polytune_cli.main import COMMANDS, arrange, cli, run


def options_of(name: str) -> set[str]:
    return {"demo": {"--json", "--rows"}, "serve": {"--config", "-c", "--port"}}.get(name, set())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("serve -c x --log-level debug", "--log-level debug serve -c x"),
        ("-q serve -c x -v", "-q -v serve -c x"),
        ("--config=x --port=1", "serve --config=x --port=1"),
        ("--port 1 -c x -v", "-v serve --port 1 -c x"),
        ("--json demo --rows 3", "demo --json --rows 3"),
        ("demo --rows 3 --json", "demo --json --rows 3"),
        ("serve --json -c x", "--json serve -c x"),
        ("eval p -- -v --json", "eval p -- -v --json"),
        ("--help", "--help"),
        ("", ""),
        ("serve --log-level", "--log-level serve"),
    ],
)
def test_options_are_arranged(given: str, expected: str) -> None:
    assert arrange(given.split(), options_of) == expected.split()


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_option_can_be_given_in_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = click.Context(cli, info_name="polytune", auto_envvar_prefix="POLYTUNE")
    found = cli.get_command(root, name) if name else cli
    assert found is not None
    context = click.Context(found, parent=root, info_name=name) if name else root
    for option in found.params:
        if isinstance(option, click.Option) and option.name not in ("help", "version"):
            words = ["polytune", *filter(None, [name]), *max(option.opts, key=len).strip("-").split("-")]
            monkeypatch.setenv("_".join(words).upper(), "1")
            assert option.value_from_envvar(context) in ("1", ("1",), ["1"]), words


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_short_help_option(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = cli.get_command(click.Context(cli), name)
    monkeypatch.setattr(command, "_help_option", None)  # click keeps the one of a context without -h, from other tests
    assert run([name, "-h"]) == 0
    assert f"Usage: polytune {name} " in capsys.readouterr().out


def test_options_of_the_environment_reach_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ROWS": "7", "SEED": "3", "OUT": str(tmp_path), "FORMAT": "csv sqlite", "JSON": "1"}.items():
        monkeypatch.setenv(f"POLYTUNE_DATA_{name}", value)
    assert run(["data"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["seed"]) == (7, 3)
    assert {"location_town.csv", "location.sqlite"} <= {path.name for path in tmp_path.iterdir()}


def test_misspelt_command_names_the_near_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serv"]) == 2
    assert "No such command 'serv' (did you mean 'serve'?)" in capsys.readouterr().err


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert re.search(r"serve +Take part in computations", capsys.readouterr().out)


def test_log_line_has_the_documented_form() -> None:
    record = logging.LogRecord("polytune", logging.INFO, "", 0, "'%s' returned %d rows", ("q", 3), None)
    line = console.LineFormatter().format(record)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z  INFO polytune: 'q' returned 3 rows", line)
    assert json.loads(console.JsonFormatter().format(record))["message"] == "'q' returned 3 rows"


def test_log_lines_survive_a_terminal_that_cannot_show_them() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console.to_stream(stream)("program differs (a ≠ b)")
    stream.seek(0)
    assert stream.read() == "program differs (a ? b)\n"


@pytest.mark.parametrize(
    ("text", "level"),
    [("debug", logging.DEBUG), ("WARN", logging.WARNING), ("numba=debug,error", logging.ERROR), ("engine=debug", 10)],
)
def test_levels(text: str, level: int) -> None:
    assert console.level_of(text) == level


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            PolicyError("bad", ["/party: missing", "/leader: missing"]),
            3,
            "Error: bad\n  /party: missing\n  /leader: missing\n",
        ),
        (DataError("no rows", "insert some"), 4, "Error: no rows\nhint: insert some\n"),
        (SecurityError("x"), 5, "Error: x\n"),
        (KeyboardInterrupt(), 130, "Error: interrupted\n"),
        (click.UsageError("no"), 2, "Error: no\n"),
        (MemoryError(), 6, "Error: out of memory\nhint: use fewer rows, or a machine with more memory\n"),
        (
            ZeroDivisionError("private"),
            1,
            "Error: internal error (ZeroDivisionError)\nhint: run again with -vv for details, and report it\n",
        ),
    ],
)
def test_every_error_becomes_a_line_and_a_code(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise error

    assert exits.guarded(fails, lambda: False) == code
    assert capsys.readouterr().err == text
