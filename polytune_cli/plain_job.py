"""``polytune eval --config``: the whole job of all parties without encryption."""

from __future__ import annotations

import json
from pathlib import Path

import click

from engine.errors import GarblePanic, PolytuneError
from engine.outputs import PrintedOutput
from engine.policy import load_policy
from engine.run.deliver import Outlet
from engine.run.job import prepare
from engine.run.plain import PlainJob, read_all
from polytune_cli import console
from polytune_cli.commands.eval import EXIT_PANIC, JobOptions, finish, refuse
from polytune_cli.commands.serve import default_state_dir, log_level


def run(ctx: click.Context, configs: tuple[Path, ...], options: JobOptions) -> None:
    """Read everything, then try the outputs, or evaluate, print and perhaps write the result."""
    console.set_up(log_level(ctx.obj), to_stderr=True)
    try:
        plain = read_all([prepare(load_policy(path)) for path in configs])
        if options.write_check:
            _check(plain, options)
        else:
            _evaluate(plain, options)
    except GarblePanic as panic:
        reply = {"panic": panic.reason, "line": panic.line, "column": panic.column}
        finish(ctx, options.as_json, reply, panic.message, EXIT_PANIC)
    except PolytuneError as error:
        refuse(ctx, options.as_json, error)


def _check(plain: PlainJob, options: JobOptions) -> None:
    found = plain.check_outputs(options.strict)
    if options.as_json:
        targets = [{"party": party, "target": target} for party, target in found]
        click.echo(console.json_text({"ok": True, "outputs": targets}))
        return
    for party, target in found:
        click.echo(f"party {party}: the result can be written to {target} (tried out, nothing was changed)")
    if not found:
        click.echo("no party has an output")


def _evaluate(plain: PlainJob, options: JobOptions) -> None:
    result = plain.evaluate()
    printed = False
    if options.write:
        plain.check_outputs(options.strict)
        plain.write(result, Outlet(str(options.state_dir or default_state_dir())))
        outputs = [output for job in plain.jobs if job.policy.receives_output for output in job.policy.outputs]
        printed = any(isinstance(output, PrintedOutput) for output in outputs)
    if not printed:
        click.echo(json.dumps({"ok": str(result)}) if options.as_json else str(result))
