"""``polytune eval``: run a program in the clear, all inputs given."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import click

EXIT_PANIC, EXIT_PROGRAM, EXIT_INPUT = 1, 3, 4
FILE_NAME = re.compile(r"[\w./~-]*\.[A-Za-z]\w*")  # no literal looks like this


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("program", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.option("--function", default="main", show_default=True, metavar="NAME", help="Public function to run.")
@click.option("--const", "consts", multiple=True, metavar="PARTY::NAME=VALUE", help="Value of an external constant.")
@click.option("--check-joins", is_flag=True, help="Panic where an input of a join is not strictly ascending.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "-c",
    "--config",
    "configs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="POLICY",
    help="Policy of a party; one for each of them, instead of PROGRAM and ARGs.",
)
@click.option("--write-check", is_flag=True, help="With --config: only try the outputs, which changes nothing.")
@click.option("--write", is_flag=True, help="With --config: write the result as a run would.")
@click.option("--strict", is_flag=True, help="With --config: as for 'serve'.")
@click.option(
    "--state-dir", type=click.Path(file_okay=False, path_type=Path), help="With --config and --write: as for 'serve'."
)
@click.pass_context
def command(
    ctx: click.Context,
    program: Path | None,
    args: tuple[str, ...],
    function: str,
    consts: tuple[str, ...],
    check_joins: bool,
    as_json: bool,
    configs: tuple[Path, ...],
    **job_options: Any,
) -> None:
    """Evaluate PROGRAM without encryption. Each ARG is a literal, or a file that holds one, in party order.

    With --config for every party: the whole job without encryption. The rows of all parties are read by their policies,
    the result is printed, and written only with --write.

    Exit status: 0 for a value, 1 panic, 3 an error in the program or a policy, 4 an error in an argument, in rows, or
    in an output, 5 policies that do not fit each other.
    """
    import engine

    if configs:
        if program is not None:
            raise click.UsageError("give either a program or --config, not both")
        from polytune_cli.plain_job import run

        run(ctx, configs, JobOptions(as_json=as_json or bool(getattr(ctx.obj, "json", False)), **job_options))
        return
    if program is None:
        raise click.UsageError("Missing argument 'PROGRAM' (or --config for every party)")
    if any(job_options.values()):
        raise click.UsageError("--write-check, --write, --strict and --state-dir need --config")
    as_json = as_json or bool(getattr(ctx.obj, "json", False))
    values = read_constants(consts)
    try:
        source = read_program(program)
        compiled = engine.compile_program(source, function, values, program.name, check_joins)
        arguments = [argument(text) for text in args]
        result = compiled.evaluate(arguments)
    except engine.GarblePanic as panic:
        reply = {"panic": panic.reason, "line": panic.line, "column": panic.column}
        finish(ctx, as_json, reply, str(panic), EXIT_PANIC)
    except engine.GarbleError as error:
        refuse(ctx, as_json, error)
    for name in unsorted_tables(source, compiled, arguments):
        click.echo(f"note: `{name}` is not in strictly ascending order of its keys; a join may miss matches", err=True)
    click.echo(json.dumps({"ok": result}) if as_json else result)


@dataclass(frozen=True)
class JobOptions:
    """Options of ``eval --config``."""

    as_json: bool
    write_check: bool
    write: bool
    strict: bool
    state_dir: Path | None


def unsorted_tables(source: str, compiled: Any, arguments: list[str]) -> list[str]:
    """Names of the parameters that go straight into a join and break its order, in which no command sorts them."""
    from engine.garble import check_program
    from engine.values import ArrayType, TupleType

    found = []
    for number in sorted(check_program(source).join_parameters(compiled.function)):
        type_ = compiled.parameter_types[number]
        if isinstance(type_, ArrayType):  # not one element of an array of all parties
            row = type_.element
            width = row.items[0].bits if isinstance(row, TupleType) else row.bits
            rows = compiled.encode(number, arguments[number]).reshape(type_.size, row.bits)
            keys = [bits[:width].tobytes() for bits in rows]
            if any(key >= following for key, following in pairwise(keys)):
                found.append(compiled.parameter_names[number])
    return found


def finish(ctx: click.Context, as_json: bool, reply: dict[str, Any], text: str, code: int) -> NoReturn:
    """Print what went wrong and end with its status."""
    if as_json:
        click.echo(json.dumps(reply))
    else:
        click.echo(text, err=True)
    ctx.exit(code)


def refuse(ctx: click.Context, as_json: bool, error: Any) -> NoReturn:
    """End with an error: its JSON object, the excerpts of a program, or the line and hint that every error has."""
    rendered = hasattr(error, "diagnostics")
    if not as_json and not rendered:
        raise error
    finish(ctx, as_json, describe_error(error), str(error), exit_code(error) if rendered else error.exit_code)


def describe_error(error: Any) -> dict[str, Any]:
    """The JSON form of a GarbleError; any other error has its code as category and at most a line."""
    found = getattr(error, "diagnostics", [(getattr(error, "line", 0), 0, str(error))])
    diagnostics = [{"line": line, "column": column, "message": message} for line, column, message in found]
    return {"error": {"category": getattr(error, "category", error.code), "diagnostics": diagnostics}}


def exit_code(error: Any) -> int:
    """4 for a literal, 3 for everything in the program."""
    return EXIT_INPUT if error.category == "input" else EXIT_PROGRAM


def argument(text: str) -> str:
    """The literal itself, or the content of the file of that name; GarbleError (input) when there is no such file."""
    from engine import GarbleError

    try:
        path = Path(text)
        if len(text) < 256 and path.is_file():
            return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return text
    if FILE_NAME.fullmatch(text):
        message = f"there is no file {text}"
        raise GarbleError("input", [(0, 0, message)], f"input error: {message}")
    return text


def is_circuit_file(path: Path) -> bool:
    """Whether a file looks like Bristol Fashion: no program begins with a number."""
    if path.suffix == ".xz":
        return True
    try:
        with path.open("rb") as file:
            return file.read(200).lstrip()[:1].isdigit()
    except OSError:
        return False


def read_program(path: Path) -> str:
    """The source text; a usage error when it is not UTF-8, or no program at all."""
    if is_circuit_file(path):
        raise click.UsageError(
            f"{path} is a circuit, not a program; 'polytune stats' and 'polytune bench' take circuits"
        )
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None


def read_constants(consts: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """``PARTY::NAME=VALUE`` texts as party -> name -> value."""
    values: dict[str, dict[str, str]] = {}
    for text in consts:
        name, equals, value = text.partition("=")
        party, colons, constant = name.partition("::")
        if not (equals and colons and party.strip() and constant.strip() and value.strip()):
            raise click.UsageError(f"--const {text}: write it as PARTY::NAME=VALUE, for example PARTY_0::ROWS=3")
        values.setdefault(party.strip(), {})[constant.strip()] = value.strip()
    return values
