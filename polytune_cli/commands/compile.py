"""``polytune compile``: a program as a circuit file that other tools read."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import click


@click.command("compile")
@click.argument("program", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Circuit to write or replace; compressed if its name ends in .xz. Without it nothing is written.",
)
@click.option("--function", default="main", show_default=True, metavar="NAME", help="Public function to compile.")
@click.option("--const", "consts", multiple=True, metavar="PARTY::NAME=VALUE", help="Value of an external constant.")
@click.option(
    "--format", "form", type=click.Choice(["bristol"]), default="bristol", show_default=True, help="Format of FILE."
)
@click.option("--check-joins", is_flag=True, help="Panic where an input of a join is not strictly ascending.")
@click.option("--keep-panics", is_flag=True, help="Put the 161 bits that tell of a panic before the result.")
@click.option("--lsb-first", is_flag=True, help="Reverse the bits of each input and of the output.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, program: Path, output: Path | None, as_json: bool, **given: Any) -> None:
    """Compile PROGRAM to a Boolean circuit in Bristol Fashion, the text format of published circuits.

    Every party is one input value, the result is the one output value; their bits are those of the value from the most
    significant one on. Overflow, division by zero and wrong indices are not noticed in the file unless --keep-panics
    keeps the bits that tell of them.

    Exit status: 0, 3 for an error in the program, or 6 when the file cannot be written.
    """
    import engine
    from polytune_cli.commands.eval import read_constants, read_program, refuse

    as_json = as_json or bool(getattr(ctx.obj, "json", False))
    values, source = read_constants(given["consts"]), read_program(program)
    if output is not None and output.exists() and output.samefile(program):
        raise click.UsageError(f"-o {output} is the program itself")
    if given["check_joins"] and not given["keep_panics"]:
        raise click.UsageError("--check-joins needs --keep-panics; without it the file leaves panics out")
    start = perf_counter()
    try:
        compiled = engine.compile_program(source, given["function"], values, program.name, given["check_joins"])
        circuit = compiled.circuit
        if not given["keep_panics"]:
            circuit = circuit.without_panics()
        if not circuit.output_bits:
            raise click.UsageError("the result has no bits: nothing is left to write without --keep-panics")
        seconds = perf_counter() - start
        if output is not None:
            circuit.to_bristol(output, keep_panics=True, lsb_first=given["lsb_first"])
    except engine.PolytuneError as error:
        refuse(ctx, as_json, error)
    report = {**measure(circuit, seconds), "file": None if output is None else str(output), "format": given["form"]}
    if as_json:
        click.echo(json.dumps(report))
    else:
        click.echo(summary(report), err=True)


def measure(circuit: Any, seconds: float) -> dict[str, Any]:
    """The figures of the circuit in the file; negations are not counted."""
    return {
        "and_gates": circuit.and_gates,
        "xor_gates": circuit.xor_gates,
        "and_depth": circuit.and_depth,
        "input_bits": list(circuit.input_bits),
        "output_bits": circuit.output_bits,
        "panic_bits": circuit.panic_bits,
        "compile_seconds": round(seconds, 6),
    }


def summary(report: dict[str, Any]) -> str:
    """One line about the circuit, one about the file."""
    inputs = " + ".join(f"{bits:,}" for bits in report["input_bits"])
    panics = f" ({report['panic_bits']} of them for panics)" if report["panic_bits"] else ""
    lines = [
        f"{report['and_gates']:,} AND gates, {report['xor_gates']:,} XOR gates, AND depth {report['and_depth']:,}, "
        f"{inputs} input bits, {report['output_bits']:,} output bits{panics}"
    ]
    lines.append(f"written to {report['file']}" if report["file"] else "nothing written; -o FILE writes the circuit")
    return "\n".join(lines)
