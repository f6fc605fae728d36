"""``polytune stats``: the size of a program's circuit, and what makes it large."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import click

SHOWN_LINES = 20
WIDTH = 90


@click.command()
@click.argument("program", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--function", default=None, metavar="NAME", help="Public function to compile.  [default: main]")
@click.option("--const", "consts", multiple=True, metavar="PARTY::NAME=VALUE", help="Value of an external constant.")
@click.option("--check-joins", is_flag=True, help="Panic where an input of a join is not strictly ascending.")
@click.option("--all-lines", is_flag=True, help=f"List every line with AND gates, not only the {SHOWN_LINES} largest.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    program: Path,
    function: str | None,
    consts: tuple[str, ...],
    check_joins: bool,
    all_lines: bool,
    as_json: bool,
) -> None:
    """Compile PROGRAM and show gates, depth and sizes, then where the AND gates come from: by function, by line.

    AND gates decide how long a run takes; XOR gates are free. A gate counts where the innermost expression that made it
    begins. PROGRAM may also be a circuit in Bristol Fashion (.txt or .txt.xz), which has no lines to tell about.

    Exit status: 0, or 3 for an error in the program.
    """
    import engine
    from polytune_cli.commands.eval import is_circuit_file, read_constants, read_program, refuse
    from polytune_cli.console import to_stream

    as_json = as_json or bool(getattr(ctx.obj, "json", False))
    values, is_circuit = read_constants(consts), is_circuit_file(program)
    if is_circuit and (function or consts or check_joins):
        raise click.UsageError(f"{program} is a circuit, it has no functions, constants or joins")
    source = "" if is_circuit else read_program(program)
    start = perf_counter()
    try:
        if is_circuit:
            figures = measure(engine.Circuit.from_bristol(program), perf_counter() - start)
        else:
            entry = function or "main"
            compiled = engine.compile_program(source, entry, values, program.name, check_joins, costs=True)
            figures = measure(compiled.circuit, perf_counter() - start, compiled.costs, source)
    except engine.PolytuneError as error:
        refuse(ctx, as_json, error)
    if as_json:
        click.echo(json.dumps(figures))
    else:
        to_stream(sys.stdout)(show(figures, None if all_lines else SHOWN_LINES))


def measure(circuit: Any, seconds: float, costs: Any = None, source: str = "") -> dict[str, Any]:
    """The figures of a circuit, and who they come from."""
    text = source.split("\n")
    lines = costs.lines if costs is not None else ()
    return {
        "and_gates": circuit.and_gates,
        "xor_gates": circuit.xor_gates,
        "gates": circuit.gates,
        "and_depth": circuit.and_depth,
        "input_bits": list(circuit.input_bits),
        "output_bits": circuit.output_bits,
        "compile_seconds": round(seconds, 6),
        "functions": [
            {"name": name, "and_gates": count} for name, count in (costs.functions if costs is not None else ())
        ],
        "lines": [{"line": line, "and_gates": count, "text": text[line - 1].strip()} for line, count in lines],
    }


def show(figures: dict[str, Any], most: int | None) -> str:
    """The figures as lines for people, with at most so many source lines."""
    parts = []
    for name, value in figures.items():
        if name in ("functions", "lines"):
            continue
        if isinstance(value, list):
            text = ", ".join(f"{item:,}" for item in value)
        else:
            text = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
        parts.append(f"{name.replace('_', ' '):16} {text}")
    total = figures["and_gates"]
    if figures["functions"]:
        parts += ["", "AND gates by function"]
        parts += [f"{share(item['and_gates'], total)}  {item['name']}" for item in figures["functions"]]
    lines = figures["lines"]
    if lines:
        parts += ["", "AND gates by line"]
        digits = len(str(max(item["line"] for item in lines[:most])))
        for item in lines[:most]:
            parts.append(f"{share(item['and_gates'], total)}  {item['line']:>{digits}} | {shortened(item['text'])}")
        rest = sum(item["and_gates"] for item in lines[len(lines[:most]) :])
        if rest:
            parts.append(f"{share(rest, total)}  in {len(lines) - len(lines[:most]):,} more (--all-lines)")
    return "\n".join(parts)


def share(count: int, total: int) -> str:
    """A number of gates and its part of all."""
    percent = 100 * count / total
    return f"{count:>14,}  {percent:5.1f} %" if percent >= 0.05 else f"{count:>14,}   <0.1 %"


def shortened(text: str) -> str:
    """One line of the source, without characters that a terminal would obey."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain if len(plain) <= WIDTH else plain[: WIDTH - 3] + "..."
