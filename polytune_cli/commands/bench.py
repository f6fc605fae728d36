"""`polytune bench`: measure standard circuits and own programs."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from polytune_cli.bench.cases import CaseSpec
    from polytune_cli.bench.figures import Figures


@click.command("bench", short_help="Measure standard circuits or a program.")
@click.argument("case")
@click.option(
    "--ands", type=click.IntRange(128), default=1_000_000, show_default=True, help="and: number of AND gates."
)
@click.option("--rows", type=click.IntRange(1), default=1000, show_default=True, help="join: rows on each side.")
@click.option("--key-bytes", type=click.IntRange(1, 1024), default=16, show_default=True, help="join: bytes of a key.")
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False),
    help="bristol: the circuit (.txt or .txt.xz).",
)
@click.option("--function", default="main", show_default=True, help="program: the function to measure.")
@click.option(
    "--const",
    "consts",
    multiple=True,
    metavar="PARTY_0::NAME=VALUE",
    help="program: a constant; may be repeated.",
)
@click.option(
    "--parties", type=click.IntRange(2, 32), help="Number of parties.  [default: 2, or what the circuit says]"
)
@click.option(
    "--transport",
    type=click.Choice(["memory", "http"]),
    default="memory",
    show_default=True,
    help="memory: threads in this process. http: over loopback.",
)
@click.option("--processes", is_flag=True, help="http: one process a party.")
@click.option("--tls", is_flag=True, help="http: mutual TLS between the parties.")
@click.option(
    "--repeat",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Runs; the median is printed.",
)
@click.option(
    "--k",
    "k",
    type=click.Choice(["1", "2", "4", "8"]),
    help="Parameter of the oblivious transfer: larger sends less and computes more.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads of each party.  [default: its part of the usable cores]",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Chooses the test inputs; never used for secrets.")
@click.option("--rtt", type=click.FloatRange(0), default=0.0, metavar="MS", help="Imitated round trip time.")
@click.option(
    "--mbit",
    type=click.FloatRange(0),
    default=0.0,
    metavar="M",
    help="Imitated bandwidth between two parties, each way.",
)
@click.option(
    "--profile",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Run once more and write a trace of it to FILE, and a table to stderr.",
)
@click.option(
    "--alone",
    type=click.IntRange(0),
    metavar="PARTY",
    help="--profile: this party only, with the recorded messages of the others.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, progress on stderr.")
def command(case: str, as_json: bool, **given: Any) -> None:
    """Run CASE through the real protocol and print time, traffic and memory.

    CASE is `and` (a chain of AND gates), `join` (two tables with equal keys counted), `bristol` (a circuit
    file) or the path of a program. The output is compared with plain evaluation before any figure is
    printed. Compiling the circuit and the kernels is not part of the time; it is printed beside.

    The trace of `--profile` is in the format of chrome://tracing and https://ui.perfetto.dev: phases, kernels,
    messages and what was waited for, by party and thread.
    """
    from polytune_cli.bench.cases import describe
    from polytune_cli.bench.figures import print_figures

    spec = _spec(case, given)
    figures = _measure(spec, given)
    if as_json:
        click.echo(jsonlib.dumps(figures.to_json()))
    else:
        print_figures(figures, describe(spec))
    if given["profile"] is not None:
        _profile(spec, given)


def _profile(spec: CaseSpec, given: dict[str, Any]) -> None:
    from polytune_cli.bench.profile import print_table, take, write_trace

    _log("one more run for the profile")
    trace = take(spec, _options(given), given["alone"])
    write_trace(trace, given["profile"])
    print_table(trace)
    _log(f"the trace is in {given['profile']}; open it in https://ui.perfetto.dev or chrome://tracing")


def _spec(case: str, given: dict[str, Any]) -> CaseSpec:
    from polytune_cli.bench.cases import CaseSpec

    if (given["rtt"] or given["mbit"]) and given["transport"] == "http" and not given["processes"]:
        raise click.UsageError("--rtt and --mbit over HTTP need --processes")
    if given["processes"] and given["transport"] != "http":
        raise click.UsageError("--processes needs --transport http")
    if given["tls"] and given["transport"] != "http":
        raise click.UsageError("--tls needs --transport http")
    if given["alone"] is not None and given["profile"] is None:
        raise click.UsageError("--alone needs --profile")
    if given["profile"] is not None and (given["transport"] != "memory" or given["rtt"] or given["mbit"]):
        raise click.UsageError("--profile needs --transport memory, without --rtt and --mbit")
    return CaseSpec(
        name=case,
        parties=given["parties"],
        ands=given["ands"],
        rows=given["rows"],
        key_bytes=given["key_bytes"],
        file=given["file"],
        function=given["function"],
        consts=_consts(given["consts"]),
        seed=given["seed"],
    )


def _consts(texts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """`PARTY_0::ROWS=50` becomes {"PARTY_0": {"ROWS": 50}}; what is no integer stays literal text."""
    consts: dict[str, dict[str, Any]] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        party, colons, name = path.strip().partition("::")
        if not (equals and colons and party and name and value.strip()):
            raise click.UsageError(f"--const {text!r}: expected PARTY_0::NAME=VALUE")
        value = value.strip()
        consts.setdefault(party, {})[name] = int(value) if value.isdigit() else value
    return consts


def _measure(spec: CaseSpec, given: dict[str, Any]) -> Figures:
    from engine.transport.slow import Wire
    from polytune_cli.bench.http import measure_processes, measure_threads
    from polytune_cli.bench.local import measure_memory

    options = _options(given)
    wire = Wire.of(given["rtt"], given["mbit"])
    if given["transport"] == "memory":
        return measure_memory(spec, given["repeat"], options, _log, wire)
    if given["processes"]:
        return measure_processes(spec, given["repeat"], options, _log, wire, given["tls"])
    return measure_threads(spec, given["repeat"], options, _log, given["tls"])


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """Options of the protocol."""
    from engine.resources import cores_each

    options: dict[str, Any] = {"threads": given["threads"] or cores_each(given["parties"] or 2)}
    if given["k"] is not None:
        options["k"] = int(given["k"])
    return options


def _log(line: str) -> None:
    click.echo(line, err=True)
