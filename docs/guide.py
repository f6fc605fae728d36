"""Run the examples in tutorial.md and language.md; write what they print.

    python docs/guide.py            rewrite figures and outputs that have changed (read the difference!)

An example is a block of Garble. Its first lines, comments, say what is true of it:

    // sum.garble.rs                   name of its file for the commands on the page
    // PARTY_0::ROWS = 2, …            values of external constants
    // main: 40; 2 -> 42               function, arguments, result
    // main: 200; 100 -> panic Overflow
    // main: 300; 1 -> error input
    // ands: 32                        AND gates of main; `ands of NAME: 32` of another function
    // bits: (5, true) = 00000101 1    encoding of a value of the type of main's first parameter
    // json: 9 = {"NumUnsigned":[9,"U16"]}
    // error: type                     it does not compile

A `text` block right after it is the error or panic as the compiler prints it; without other claims that is the claim.
`console` blocks hold commands after `$ ` and what they print; there, and only there, `…` stands for text that differs
each time. Blocks of Python and JSON whose first line is a comment with a file name are files, too. Figures and outputs
can be rewritten, results can not.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "docs" / "tutorial.md"
PAGES = [TUTORIAL, ROOT / "docs" / "language.md"]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^(?://|#) ([\w.-]+\.\w+)$")
CASE = re.compile(r"^// (\w+): (.*) -> (.*)$")
ANDS = re.compile(r"^// ands(?: of (\w+))?: ([\d,]+)$", re.MULTILINE)
ERROR = re.compile(r"^// error: (\w+)$", re.MULTILINE)
ENCODING = re.compile(r"^// (bits|json): (.*?) = (.*)$")
ANY_LINES = "…\n"
CONSTANT = re.compile(r"(\w+)::(\w+) = ([\w-]+)")


class Output(NamedTuple):
    """A part of a page that a program prints: from, to, what it printed now, and whether `…` is a wildcard there."""

    start: int
    end: int
    printed: str
    wild: bool = False

    def stands_in(self, page: str) -> bool:
        """Whether the page shows what was printed."""
        shown = page[self.start : self.end]
        if not self.wild:
            return shown == self.printed
        return _fits(shown, self.printed)

    def replacing(self, shown: str) -> str:
        """What was printed, with the lines of the page where `…` says that they may differ."""
        kept = [line for line in shown.splitlines(keepends=True) if self.wild and "…" in line and line != ANY_LINES]
        lines = self.printed.splitlines(keepends=True)
        return "".join(next((old for old in kept if _fits(old, line)), line) for line in lines)


def _fits(shown: str, printed: str) -> bool:
    lines = shown.splitlines(keepends=True)
    parts = ["(?:.*\n)*?" if line == ANY_LINES else re.escape(line).replace("…", ".*?") for line in lines]
    return re.fullmatch("".join(parts), printed) is not None


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, and where the text starts in the page."""

    page: Path
    language: str
    text: str
    start: int
    line: int

    @property
    def file(self) -> str | None:
        """The file name in the first line."""
        match = FILE.match(self.text.split("\n", 1)[0])
        return match[1] if match else None

    def __str__(self) -> str:
        return f"{self.page.stem}-{self.line}"


@dataclass(frozen=True)
class Example:
    """A program of a page and the block that shows its error."""

    block: Block
    shown: Block | None

    @cached_property
    def header(self) -> list[str]:
        """The comments at the top."""
        lines = self.block.text.split("\n")
        return lines[: next(number for number, line in enumerate(lines) if not line.startswith("//"))]

    @property
    def constants(self) -> dict[str, dict[str, str]]:
        """Party -> name -> value."""
        found: dict[str, dict[str, str]] = {}
        for party, name, value in CONSTANT.findall("\n".join(self.header)):
            found.setdefault(party, {})[name] = value
        return found

    @property
    def cases(self) -> list[tuple[str, list[str], str]]:
        """Function, arguments, result."""
        matches = filter(None, map(CASE.match, self.header))
        return [(match[1], match[2].split("; "), match[3]) for match in matches]

    @cached_property
    def error(self) -> str | None:
        """The category of the error that it is an example of."""
        match = ERROR.search("\n".join(self.header))
        if match is None and self.shown is not None and not self.cases:
            match = re.match("(\\w+) error", self.shown.text)
            return match[1] if match else "some error"
        return match[1] if match else None

    def run(self) -> tuple[list[tuple[str, str]], list[Output]]:
        """What is claimed beside what is so, and the parts that can be rewritten."""
        import engine

        source, name = self.block.text, self.block.file
        if self.error is not None:
            try:
                engine.compile_program(source, consts=self.constants, filename=name)
            except engine.GarbleError as error:
                return [(self.error, error.category)], self._shown(str(error))
            return [(self.error, "no error")], []
        results, errors = self._encodings(), []
        for function, arguments, wanted in self.cases:
            program = engine.compile_program(source, function, self.constants, name)
            try:
                results.append((wanted, program.evaluate(arguments)))
            except engine.GarblePanic as panic:
                results.append((wanted, f"panic {panic.reason}"))
                errors.append(str(panic))
            except engine.GarbleError as error:
                results.append((wanted, f"error {error.category}"))
                errors.append(str(error))
        return results, self._shown(*errors[:1]) + self._figures()

    def _encodings(self) -> list[tuple[str, str]]:
        import engine
        from engine.values import Literal, decode

        results = []
        for kind, literal, wanted in (match.groups() for match in map(ENCODING.match, self.header) if match):
            program = engine.compile_program(self.block.text, consts=self.constants)
            bits = program.encode(0, literal)
            if kind == "bits":
                results.append((wanted.replace(" ", ""), "".join(map(str, bits))))
            else:
                value = decode(program.parameter_types[0], bits)
                shown = engine.to_json_literal(Literal(program.parameter_types[0], value))
                results.append((wanted, json.dumps(shown, separators=(",", ":"))))
        return results

    def _shown(self, *text: str) -> list[Output]:
        if self.shown is None:
            return []
        text = text or ("no error",)
        start = self.shown.start
        return [Output(start, start + len(self.shown.text), "".join(item.rstrip() + "\n" for item in text))]

    def _figures(self) -> list[Output]:
        import engine

        outputs = []
        for match in ANDS.finditer(self.block.text):
            program = engine.compile_program(self.block.text, match[1] or "main", self.constants)
            start = self.block.start
            outputs.append(Output(start + match.start(2), start + match.end(2), f"{program.circuit.and_gates:,}"))
        return outputs


@dataclass(frozen=True)
class Command:
    """A command of a `console` block and where its output stands."""

    block: Block
    words: tuple[str, ...]
    start: int
    end: int

    def run(self, folder: Path) -> Output:
        """Run it in a folder with the files of the page."""
        words = list(self.words)
        if words[0] == "polytune":
            words[:1] = [sys.executable, "-m", "polytune_cli.main"]
        done = subprocess.run(
            words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240, check=False
        )
        lines = (line.rstrip() + "\n" for line in done.stdout.splitlines())
        return Output(self.start, self.end, "".join(lines), wild=True)

    def __str__(self) -> str:
        return f"{self.block}-{'-'.join(self.words)[:40]}"


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, match[1], match[2], match.start(2), text.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(text)
    ]


def examples(page: Path) -> list[Example]:
    """The programs of a page."""
    text, found = page.read_text(encoding="utf-8"), blocks(page)
    following = {block.start: block for block in found if block.language == "text"}
    adjacent = "```\n\n```text\n"
    return [
        Example(block, following[end + len(adjacent)] if text.startswith(adjacent, end) else None)
        for block, end in ((block, block.start + len(block.text)) for block in found)
        if block.language == "rust"
    ]


def commands(page: Path) -> list[Command]:
    """The commands of a page."""
    return [command for block in blocks(page) if block.language == "console" for command in _commands(block)]


def _commands(block: Block) -> Iterator[Command]:
    parts = list(re.finditer(r"^\$ (.*)\n", block.text, re.MULTILINE))
    ends = [part.start() for part in parts[1:]] + [len(block.text)]
    for part, end in zip(parts, ends):
        yield Command(block, tuple(shlex.split(part[1])), block.start + part.end(), block.start + end)


def write_files(page: Path, folder: Path) -> None:
    """The files of a page; a name stands for one file only."""
    for block in blocks(page):
        if block.file is not None and block.language in ("rust", "python", "json"):
            path = folder / block.file
            assert not path.exists(), f"{block}: a second {block.file}"
            path.write_text(block.text, encoding="utf-8")


def refresh(page: Path) -> int:
    """Rewrite the outputs of a page that differ; their number."""
    text = page.read_text(encoding="utf-8")
    outputs = [output for example in examples(page) for output in example.run()[1]]
    with tempfile.TemporaryDirectory() as name:
        write_files(page, Path(name))
        outputs += [command.run(Path(name)) for command in commands(page)]
    stale = [output for output in outputs if not output.stands_in(text)]
    for output in sorted(stale, reverse=True):
        text = text[: output.start] + output.replacing(text[output.start : output.end]) + text[output.end :]
    page.write_text(text, encoding="utf-8")
    return len(stale)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for path in PAGES:
        print(f"{path.name}: {refresh(path)} outputs rewritten")
