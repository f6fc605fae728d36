"""The documents say what is there: every command, option, policy key, exit code and phase; links lead somewhere."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from engine import errors
from engine.events import PHASES
from engine.policy import model
from engine.policy.load import LATER
from engine.policy.schema import schema
from polytune_cli.main import COMMANDS, cli
from tests.policy.policy_helpers import keys_of

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md")] + sorted((ROOT / "docs").glob("*.md"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTEXT = click.Context(cli, info_name="polytune")


def commands() -> dict[str, click.Command]:
    found = {name: cli.get_command(CONTEXT, name) for name in COMMANDS}
    return {name: command for name, command in found.items() if command is not None}


def options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}


def shell_lines(text: str = README) -> list[str]:
    """Commands in the shell blocks of a page."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_the_page_of_commands_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], timeout=60, check=False)
    assert done.returncode == 0, "run: python docs/generate.py"


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_is_documented(name: str) -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    section = page.split(f"## polytune {name}\n")[1].split("\n## ")[0]
    for option in options(commands()[name]):
        if option.startswith("-"):
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", section), option
    assert f"`polytune {name}`" in README


@pytest.mark.parametrize("name", commands())
def test_every_option_has_a_help_text(name: str) -> None:
    for parameter in commands()[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_the_commands_of_the_readme_exist() -> None:
    lines = shell_lines()
    assert {"scripts/demo", "scripts/test"} <= set(lines)
    for line in lines:
        words = shlex.split(line)
        if words[0].startswith("scripts/"):
            script = ROOT / words[0]
            assert script.is_file() and script.stat().st_mode & 0o111, line
        elif words[0] == "polytune":
            known = options(commands()[words[1]])
            assert {word for word in words[2:] if word.startswith("--")} <= known, line
            assert all((ROOT / word).is_file() for word in words if word.startswith("policies/")), line
        else:
            assert words[0] in ("docker", "psql"), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_options_of_shell_blocks_exist(page: Path) -> None:
    for line in shell_lines(page.read_text(encoding="utf-8")):
        words = shlex.split(line)
        if words[0] == "polytune":
            known = options(commands()[words[1]]) | options(cli)
            assert {word for word in words[2:] if word.startswith("-")} <= known, line


def test_commands_named_in_the_text_exist() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name, rest in re.findall(r"`(?:scripts/|polytune )([a-z]+)\b([^`]*)`", text):
            if f"scripts/{name}" in text and (ROOT / "scripts" / name).exists():
                continue
            assert name in COMMANDS, f"{page.name}: {name}"
            for option in re.findall(r"(--[a-z-]+)", rest):
                assert option in options(commands()[name]) | options(cli), f"{page.name}: {name} {option}"


def anchors(page: Path) -> set[str]:
    """What a link to a heading of a page may be, as on GitHub."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            path = page.parent / name if name else page
            assert path.exists(), target
            assert not anchor or anchor in anchors(path), target


def test_every_policy_key_is_documented() -> None:
    page = "\n".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("policy.md", "data.md"))
    found = {*keys_of(schema()), *LATER}
    assert {"participants", "query", "rho", "peer_lost", "memory", "password"} <= found
    code = re.findall(r"^```.*?^```|`[^`\n]+`", page, re.MULTILINE | re.DOTALL)
    assert found <= set(re.findall(r"[\w$]+", " ".join(code)))


def test_defaults_of_timeouts_and_limits_are_documented() -> None:
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    for field in dataclasses.fields(model.Timeouts):
        if field.default is not None:
            assert f"`{field.name}` {field.default:g}" in page, field.name
    for field in dataclasses.fields(model.Limits):
        default = "none" if field.default is None else str(field.default)
        assert f"\n| `{field.name}` | {default} |" in page, field.name


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    classes = [value for _, value in inspect.getmembers(errors, inspect.isclass)]
    codes = {cls.exit_code for cls in classes if issubclass(cls, errors.PolytuneError)}
    for code in codes:
        assert f"\n| {code} |" in page, code


def test_every_phase_is_explained() -> None:
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(PHASES)


def test_the_readme_names_what_is_not_promised() -> None:
    text = re.sub(r"\s+", " ", README)
    for sentence in ("Not audited", "mutual TLS", "without outside review", "no fairness"):
        assert sentence in text, sentence
    security = re.sub(r"\s+", " ", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    for topic in (
        "has not been audited",
        "Truncated leaky AND",
        "Masked zero test",
        "Three cross rows",
        "Cyclic shifts",
    ):
        assert topic in security, topic


def test_the_changelog_has_this_version() -> None:
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    version = re.search(r"^version = (.+)$", setup, re.MULTILINE)
    assert version is not None
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
