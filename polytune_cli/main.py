"""The command line ``polytune``: global options, and commands that are loaded when they are called.

``--help`` must be instant, so nothing here imports more than click.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from typing import Any

import click

from polytune_cli import exits

#: Commands in the order of ``--help`` with their one-line descriptions (the modules are not imported for that).
COMMANDS = {
    "serve": "Take part in computations as one party.",
    "run": "Start a run now at a leader that keeps serving.",
    "status": "Show what a running party is doing.",
    "cancel": "End a run of a running party.",
    "approve": "Let a run begin that waits for approval.",
    "demo": "Run a complete example on this machine.",
    "init": "Make a folder to start from: policies, program, data.",
    "check": "Check a policy before a run, and show what it discloses.",
    "output": "Write a saved result that could not be written at the end of its run.",
    "eval": "Evaluate a program without encryption, all inputs given.",
    "compile": "Write a program as a circuit file in Bristol Fashion.",
    "stats": "Show the size of a program's circuit and what makes it large.",
    "bench": "Measure the speed of the protocol on this machine.",
    "keygen": "Make the key and the certificate of a party.",
    "fingerprint": "Print the fingerprint of a certificate.",
    "data": "Make test databases.",
    "warmup": "Compile all kernels for this processor ahead.",
    "completion": "Print the completion script of a shell.",
}
#: How ``--help`` arranges the commands; those that are named nowhere come last.
SECTIONS = {
    "First steps": ("demo", "init", "completion"),
    "A party": ("check", "serve", "run", "status", "cancel", "approve", "output"),
    "Keys": ("keygen", "fingerprint"),
    "Programs": ("eval", "compile", "stats"),
    "Tests and measurements": ("data", "bench", "warmup"),
}
_VALUES = {"--log-level", "--log-format"}
_FLAGS = {"-v", "--verbose", "-vv", "-q", "--quiet", "--json", "--no-color"}


@dataclass
class Settings:
    """Global options; commands find them as ``ctx.obj``."""

    log_level: str = ""
    log_format: str = "text"
    verbose: int = 0
    quiet: bool = False
    json: bool = False
    no_color: bool = False


class LazyGroup(click.Group):
    """Loads ``polytune_cli.commands.<name>`` (its ``command``) on use; global options may stand anywhere."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, without importing anything."""
        return [name for name in COMMANDS if _exists(name)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command's module."""
        if not name.replace("-", "").isalnum() or not _exists(name):
            return None
        module = importlib.import_module(f"polytune_cli.commands.{name.replace('-', '_')}")
        command: click.Command = module.command
        for parameter in command.params:
            _finish(parameter, f"POLYTUNE_{name.upper().replace('-', '_')}_")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands from the table, so that help stays instant."""
        names = self.list_commands(ctx)
        placed = {name for section in SECTIONS.values() for name in section}
        width = max(map(len, names))
        for title, section in {**SECTIONS, "Other commands": tuple(n for n in names if n not in placed)}.items():
            rows = [(name.ljust(width), COMMANDS[name]) for name in section if name in names]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a misspelt name."""
        name = args[0]
        if self.get_command(ctx, name) is None:
            import difflib

            close = difflib.get_close_matches(name, self.list_commands(ctx), 1)
            meant = f" (did you mean '{close[0]}'?)" if close else ""
            ctx.fail(f"No such command '{name}'{meant}; see 'polytune --help'")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Bring global options to the front; without a command, ``--config`` means ``serve``."""
        return super().parse_args(ctx, arrange(args, lambda name: self._options(ctx, name)))

    def _options(self, ctx: click.Context, name: str) -> set[str]:
        command = self.get_command(ctx, name)
        return {opt for p in command.params for opt in p.opts} if command is not None else set()


def arrange(args: list[str], options_of: Any) -> list[str]:
    """``args`` with global options first, then the command, then its own options.

    ``options_of(name)``: options that command ``name`` declares itself; those stay with the command even when they have
    the name of a global one. What follows ``--`` is left alone.
    """
    cut = args.index("--") if "--" in args else len(args)
    front: list[list[str]] = []
    rest: list[str] = []
    items = iter(args[:cut])
    for item in items:
        if item in _FLAGS or ("=" in item and item.partition("=")[0] in _VALUES):
            front.append([item])
        elif item in _VALUES:
            front.append([item, *([value] if (value := next(items, None)) is not None else [])])
        else:
            rest.append(item)
    if rest and rest[0].startswith("-") and any(r.partition("=")[0] in ("--config", "-c") for r in rest):
        rest.insert(0, "serve")
    name = rest[0] if rest else ""
    own = options_of(name) if name and not name.startswith("-") else set()
    kept = [group for group in front if group[0].partition("=")[0] not in own]
    moved = [group for group in front if group[0].partition("=")[0] in own]
    flat = [item for group in kept for item in group]
    return flat + rest[:1] + [item for group in moved for item in group] + rest[1:] + args[cut:]


def _finish(parameter: click.Parameter, prefix: str) -> None:
    """The variable of an option is called like the option, also where the parameter of the function is not."""
    if isinstance(parameter, click.Option) and parameter.envvar is None:
        option = max(parameter.opts, key=len)
        parameter.envvar = prefix + option.lstrip("-").upper().replace("-", "_")
    if isinstance(parameter.type, click.IntRange | click.FloatRange) and parameter.metavar is None:
        parameter.metavar = "N"  # in help texts; click says INTEGER RANGE


def _exists(name: str) -> bool:
    return importlib.util.find_spec(f"polytune_cli.commands.{name.replace('-', '_')}") is not None


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("polytune")
        except PackageNotFoundError:
            number = "0+source"
        click.echo(f"polytune {number}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error (also: POLYTUNE_LOG).")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Form of log lines.")
@click.option("-v", "--verbose", count=True, help="Show debug lines; -vv also tracebacks.")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and the final line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout; logs go to stderr.")
@click.option("--no-color", is_flag=True, help="No colours and no live view.")
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
@click.pass_context
def cli(
    ctx: click.Context,
    log_level: str | None,
    log_format: str,
    verbose: int,
    quiet: bool,
    as_json: bool,
    no_color: bool,
) -> None:
    """Organisations compute together on data that they may not show each other.

    Start with 'polytune demo', then 'polytune init'. Global options may stand before or after the command.
    """
    ctx.obj = Settings(log_level or "", log_format, verbose, quiet, as_json, no_color)
    if no_color:
        import os

        os.environ["NO_COLOR"] = "1"


for _option in cli.params:
    _finish(_option, "POLYTUNE_")


def run(args: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if args is None else args
    return exits.guarded(
        lambda: cli.main(args=given, prog_name="polytune", standalone_mode=False, auto_envvar_prefix="POLYTUNE"),
        lambda: "-vv" in given or given.count("-v") > 1,
    )


def main() -> None:
    """Entry point of the installed script."""
    sys.exit(run())


if __name__ == "__main__":
    main()
