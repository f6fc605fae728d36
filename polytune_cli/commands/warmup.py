"""`polytune warmup`: compile all kernels before they are needed."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Any

import click

from engine.errors import ResourceError

if TYPE_CHECKING:
    from engine.kernels.warm import Warmth


@click.command("warmup", short_help="Compile all kernels for this processor ahead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, progress on stderr.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Compile the kernels, the parts of the protocol that run as machine code, for this processor.

    It happens once per machine and version, also without this command: `serve`, `demo` and `bench` do the same
    when they start. Use it where waiting is out of place, for instance while a container image is built (for the
    processor it is built on; another one compiles again). The machine code is kept in $POLYTUNE_CACHE_DIR, else
    $XDG_CACHE_HOME/polytune, else ~/.cache/polytune.

    Exit code 0 when all kernels are there, 6 when they cannot be kept or one cannot be compiled.
    """
    from engine.kernels.warm import warm
    from polytune_cli.kernels import CURE, NOT_KEPT, get_ready

    quiet = getattr(ctx.obj, "quiet", False)
    warmth = get_ready((lambda line: None) if quiet else None) or warm()
    if as_json:
        click.echo(jsonlib.dumps(_record(warmth)))
    if not warmth.kept:
        raise ResourceError(NOT_KEPT, CURE)
    if warmth.failed:
        name, reason = next(iter(warmth.failed.items()))
        raise ResourceError(f"{len(warmth.failed)} kernels were not compiled, the first is {name}: {reason}")
    if not as_json:
        click.echo(_line(warmth))
        click.echo(f"They are in {warmth.directory}")


def _line(warmth: Warmth) -> str:
    from polytune_cli.live import human_seconds

    if not warmth.compiled:
        return f"All {warmth.kernels} kernels are compiled for this processor."
    return (
        f"{warmth.compiled} of {warmth.kernels} kernels compiled for this processor in "
        f"{human_seconds(warmth.seconds)} ({human_seconds(warmth.cpu_seconds)} of processor time)."
    )


def _record(warmth: Warmth) -> dict[str, Any]:
    from engine.kernels import NATIVE

    slowest = sorted(warmth.by_kernel.items(), key=lambda item: -item[1])[:10]
    return {
        "ok": warmth.kept and not warmth.failed,
        "kernels": warmth.kernels,
        "compiled": warmth.compiled,
        "failed": warmth.failed,
        "seconds": round(warmth.seconds, 3),
        "cpu_seconds": round(warmth.cpu_seconds, 3),
        "slowest": {name: round(seconds, 3) for name, seconds in slowest},
        "directory": str(warmth.directory) if warmth.directory else None,
        "kept": warmth.kept,
        "aes_instructions": NATIVE,
    }
