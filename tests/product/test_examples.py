"""Everything that tutorial.md and language.md show is so: results, errors word for word, figures, commands, a run."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from docs.guide import ANDS, PAGES, TUTORIAL, Command, Example, blocks, commands, examples, write_files
from engine.circuit.store import MAX_BUILDER_WIRES
from engine.garble import limits
from tests.integration.scene import free_ports

EXAMPLES = [example for page in PAGES for example in examples(page)]
COMMANDS = [command for page in PAGES for command in commands(page)]
UPDATE = "run: python docs/guide.py, and read what it changed"


@pytest.fixture(scope="module", params=PAGES, ids=lambda page: page.stem)
def page(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.block))
def test_example(example: Example) -> None:
    claims, outputs = example.run()
    assert claims or ANDS.search(example.block.text), "an example says what it gives"
    assert [wanted for wanted, _ in claims] == [got for _, got in claims]
    text = example.block.page.read_text(encoding="utf-8")
    for output in outputs:
        assert output.stands_in(text), f"{UPDATE}\nprinted: {output.printed}"


def test_errors_are_shown(page: Path) -> None:
    """A text block after a program is always the error of that program."""
    for example in examples(page):
        if example.shown is not None:
            assert any(output.start == example.shown.start for output in example.run()[1]), example.block


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command(command: Command, tmp_path: Path) -> None:
    write_files(command.block.page, tmp_path)
    output = command.run(tmp_path)
    text = command.block.page.read_text(encoding="utf-8")
    assert output.stands_in(text), f"{UPDATE}\nprinted: {output.printed}"


def test_pages_have_programs(page: Path) -> None:
    assert len(examples(page)) >= 12
    assert {block.language for block in blocks(page)} <= {"rust", "text", "console", "sh", "json", "python"}


def test_limits_are_documented() -> None:
    """Every limit of the compiler on programs is in the table, with its number."""
    page = (TUTORIAL.parent / "language.md").read_text(encoding="utf-8")
    table = page.split("## Limits\n")[1].split("\n## ")[0]
    of_programs = ("MAX_BITS", "MAX_PARTS", "MAX_TYPE_DEPTH", "MAX_TYPE_PARTS", "MAX_NESTING", "MAX_STEPS")
    for number in [getattr(limits, name) for name in of_programs] + [MAX_BUILDER_WIRES]:
        assert f"| {number:,} |" in table


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder with the files of the tutorial, on ports that are free here."""
    write_files(TUTORIAL, tmp_path)
    ports = free_ports(2)
    for policy in tmp_path.glob("*.jsonc"):
        text = policy.read_text(encoding="utf-8")
        policy.write_text(re.sub(r"localhost:800([01])", lambda match: f"localhost:{ports[int(match[1])]}", text))
    return tmp_path


def test_the_run_of_the_tutorial(scratch: Path) -> None:
    """Its last commands as they stand there, but for the ports, give the table that it promises."""
    block = next(block for block in blocks(TUTORIAL) if block.language == "sh" and "polytune serve" in block.text)
    make, pharmacy, clinic = (shlex.split(line) for line in block.text.splitlines())
    subprocess.run([sys.executable, *make[1:]], cwd=scratch, timeout=60, check=True)
    # Without --port each party listens where `participants` says.
    serve = [[sys.executable, "-m", "polytune_cli.main", *words[1:]] for words in (pharmacy, clinic)]
    serve = [words[: words.index("--port")] + words[words.index("--port") + 2 :] for words in serve]
    waiting = subprocess.Popen(serve[0], cwd=scratch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        leading = [*serve[1], "--wait-peers", "60"]
        done = subprocess.run(leading, cwd=scratch, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        output, _ = waiting.communicate(timeout=60)
        assert waiting.returncode == 0, output
    finally:
        waiting.kill()
        waiting.wait()
    with closing(sqlite3.connect(scratch / "result.db")) as db:
        rows = db.execute("SELECT age_group, packs FROM packs ORDER BY age_group").fetchall()
    promised = TUTORIAL.read_text(encoding="utf-8").split("in `result.db` now holds ")[1].split(", and")[0]
    assert [f"`{row}`" for row in rows] == re.findall(r"`\(.*?\)`", promised)
