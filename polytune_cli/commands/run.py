"""``polytune run``: ask a leader that keeps serving to start a run now."""

from __future__ import annotations

from pathlib import Path

import click

from polytune_cli.operators import Client, Ended, find, follow, url_option, where


@click.command("run")
@where
@url_option
@click.option("--detach", is_flag=True, help="Do not wait for the end of the run.")
@click.pass_context
def command(ctx: click.Context, url: str | None, config: Path | None, state_dir: Path | None, detach: bool) -> int:
    """Start a run now, and follow it to its end.

    The leader must be running: 'polytune serve --config POLICY --keep-serving'. The exit code is that of the run.
    Ctrl-C ends the following only; the run goes on.
    """
    from polytune_cli import console
    from polytune_cli.commands.demo import told_as_json
    from polytune_cli.commands.serve import log_level

    as_json = bool(ctx.obj.json)
    console.set_up(log_level(ctx.obj), as_json=ctx.obj.log_format == "json", to_stderr=as_json)
    with told_as_json(as_json):
        client = find(url, config, state_dir)
        run_id = str(client.post("schedule", {"run": True})["run_id"])
        if detach:
            click.echo(_json({"ok": True, "run_id": run_id}) if as_json else run_id)
            return 0
        record = _follow(client, run_id, quiet=as_json or bool(ctx.obj.quiet))
    failed = record["result"] != "done"
    if as_json:
        click.echo(_json({"ok": not failed, **record}))
    if failed:
        raise Ended(record)
    return 0


def _follow(client: Client, run_id: str, *, quiet: bool) -> dict[str, object]:
    party = int(client.get("status")["party"])
    try:
        if quiet:
            return follow(client, run_id, party, lambda event: None)
        from polytune_cli.live import view

        with view(1, f"run {run_id}") as shown:
            return follow(client, run_id, party, shown.sink)
    except KeyboardInterrupt:
        click.echo(f"the run goes on; 'polytune cancel {run_id}' ends it", err=True)
        raise


def _json(record: dict[str, object]) -> str:
    import json

    return json.dumps(record)
