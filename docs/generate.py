"""Write docs/commands.md from the help texts of the commands; with --check only compare (exit code 1: differs)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

PAGE = Path(__file__).with_name("commands.md")
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


def main() -> int:
    """Write or check."""
    wanted = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted else 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(main())
