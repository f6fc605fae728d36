"""Write docs/commands.md from the help texts of the commands; with --check only compare (exit code 1: differs)."""

from __future__ import annotations

import sys
from typing import Any

import click
from generated import ROOT, write_or_check

PAGE = ROOT / "docs" / "commands.md"
HEAD = """# Commands

Made from the help texts by `python docs/generate.py`; do not edit by hand.

Global options may stand before or after the command. Every option can be given in the environment as
`POLYTUNE_<COMMAND>_<OPTION>`, for instance `POLYTUNE_SERVE_ALLOW_INSECURE=1`. With `--json` a command prints one JSON
object on standard output and everything else on standard error. Exit codes are in [exit-codes.md](exit-codes.md).
"""


def page() -> str:
    """The whole page."""
    from polytune_cli.main import COMMANDS, cli

    context = _context(cli, "polytune")
    parts = [HEAD, _section("polytune", cli.get_help(context))]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is not None:
            text = command.get_help(_context(command, name, context))
            parts.append(_section(f"polytune {name}", text))
    return "\n".join(parts)


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    width: dict[str, Any] = {"terminal_width": 100, "max_content_width": 100}
    return click.Context(command, parent, name, help_option_names=["-h", "--help"], **width)


def _section(title: str, text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines()]
    return f"## {title}\n\n```text\n" + "\n".join(lines) + "\n```\n"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
