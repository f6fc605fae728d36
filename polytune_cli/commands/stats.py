"""``polytune stats``: the size of a program's circuit."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import click


@click.command()
@click.argument("program", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--function", default="main", show_default=True, metavar="NAME", help="Public function to compile.")
@click.option("--const", "consts", multiple=True, metavar="PARTY::NAME=VALUE", help="Value of an external constant.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, program: Path, function: str, consts: tuple[str, ...], as_json: bool) -> None:
    """Compile PROGRAM and show gates, depth and sizes. AND gates decide how long a run takes; XOR gates are free.

    Exit status: 0, or 3 for an error in the program.
    """
    import engine
    from polytune_cli.commands.eval import describe_error, exit_code, finish, read_constants, read_program

    as_json = as_json or bool(getattr(ctx.obj, "json", False))
    values, source = read_constants(consts), read_program(program)
    start = perf_counter()
    try:
        compiled = engine.compile_program(source, function, values, program.name)
    except engine.GarbleError as error:
        finish(ctx, as_json, describe_error(error), str(error), exit_code(error))
    figures = measure(compiled.circuit, perf_counter() - start)
    click.echo(json.dumps(figures) if as_json else show(figures))


def measure(circuit: Any, seconds: float) -> dict[str, Any]:
    """The figures of a circuit."""
    return {
        "and_gates": circuit.and_gates,
        "xor_gates": circuit.xor_gates,
        "gates": circuit.gates,
        "and_depth": circuit.and_depth,
        "input_bits": list(circuit.input_bits),
        "output_bits": circuit.output_bits,
        "compile_seconds": round(seconds, 6),
    }


def show(figures: dict[str, Any]) -> str:
    """The figures as lines for people."""
    lines = []
    for name, value in figures.items():
        if isinstance(value, list):
            text = ", ".join(f"{item:,}" for item in value)
        else:
            text = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
        lines.append(f"{name.replace('_', ' '):16} {text}")
    return "\n".join(lines)
