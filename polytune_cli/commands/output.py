"""``polytune output``: results that were saved because they could not be written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from polytune_cli.main import Settings


@click.command("output")
@click.option(
    "--resume",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The recovery file that the error of the run named.",
)
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    metavar="POLICY",
    help="The policy that says where the result goes.  [default: that of the run]",
)
@click.option("--force", is_flag=True, help="Write also where the rows may be already.")
@click.pass_obj
def command(settings: Settings, resume: Path, config: Path | None, force: bool) -> None:
    """Write a result that could not be written at the end of its run, and remove its file.

    Outputs that were written then are left alone. Statements, connections and passwords are those of the policy as it
    is now, so a mistake in them can be corrected first. When writing fails again the file stays.

    Exit status: 0 written, 3 an error in the policy, 4 not written, 6 no space.
    """
    from engine.data import Delivery, resuming
    from engine.errors import DataError
    from engine.outputs import PrintedOutput
    from engine.policy import load_policy
    from polytune_cli import console
    from polytune_cli.commands.serve import log_level

    console.set_up(log_level(settings), to_stderr=True)
    with resuming(resume) as saved:
        path = config or (Path(saved.policy) if saved.policy else None)
        if path is None:
            raise DataError(f"{resume} does not say which policy it belongs to", "give the policy with --config")
        outputs = load_policy(path).outputs
        prints = any(isinstance(output, PrintedOutput) for output in outputs)
        if prints and settings.json:
            raise click.UsageError("--json cannot be used: the policy prints the result")
        applied = saved.apply(outputs, Delivery(saved.run_id, resume.parent), force=force)
    if settings.json:
        written = [{"output": one.label, "target": one.target, "rows": one.rows} for one in applied]
        click.echo(console.json_text({"ok": True, "written": written}))
        return
    for one in applied:
        click.echo(f"{one.label}: {one.rows} rows written to {one.target}", err=prints)
    click.echo(f"removed {resume}", err=prints)
