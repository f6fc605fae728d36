"""``polytune approve``: let a run begin that waits for it, or refuse it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import click

from polytune_cli.operators import find, only_run, url_option, where


@click.command("approve")
@click.argument("run", required=False)
@where
@url_option
@click.option("--deny", is_flag=True, help="Refuse the run instead.")
@click.pass_context
def command(
    ctx: click.Context, run: str | None, url: str | None, config: Path | None, state_dir: Path | None, deny: bool
) -> int:
    """Let a run begin that waits for approval ('consent': {"ask": true} in the policy of this party).

    RUN is the id of the run; it may be left out when only one waits.
    """
    client = find(url, config, state_dir)
    if run is None:
        run = only_run(client.get("status")["pending"], "no run waits for approval", "several runs wait for approval")
    client.post(f"runs/{quote(run, safe='')}/{'deny' if deny else 'approve'}")
    done = "refused" if deny else "approved"
    click.echo(json.dumps({"ok": True, "run_id": run}) if ctx.obj.json else f"run {run} was {done}")
    return 0
