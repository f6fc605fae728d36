"""Everything that tutorial.md and language.md show is so: results, errors word for word, figures, commands, a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.guide import PAGES, Command, Example, blocks, commands, examples, write_files

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
    assert claims, "an example says what it gives"
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
