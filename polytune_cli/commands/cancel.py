"""``polytune cancel``: end a run of a party."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import click

from polytune_cli.operators import find, only_run, url_option, where


@click.command("cancel")
@click.argument("run", required=False)
@where
@url_option
@click.pass_context
def command(ctx: click.Context, run: str | None, url: str | None, config: Path | None, state_dir: Path | None) -> int:
    """End a run of a party; all parties are told, and nothing is written.

    RUN is the id of the run; it may be left out when there is only one.
    """
    client = find(url, config, state_dir)
    if run is None:
        run = only_run(client.get("status")["runs"], "no run is under way", "several runs are under way")
    client.post(f"runs/{quote(run, safe='')}/cancel")
    click.echo(json.dumps({"ok": True, "run_id": run}) if ctx.obj.json else f"run {run} was cancelled")
    return 0
