"""``polytune status``: what a running party is doing."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from polytune_cli.live import human_bytes, human_seconds, wants_live
from polytune_cli.operators import Client, find, where

#: Ended runs that are listed.
LISTED = 5
SECONDS = 1.0


@click.command("status")
@click.argument("url", required=False)
@where
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
@click.pass_context
def command(ctx: click.Context, url: str | None, config: Path | None, state_dir: Path | None, watch: bool) -> int:
    """Show what a party is doing: runs under way and those that ended last.

    URL is the address of its operators' listener; it may be left out for a party that runs on this machine. With --json
    and --watch there is one JSON object a line.
    """
    client = find(url, config, state_dir)
    if not watch:
        status = client.get("status")
        click.echo(json.dumps(status) if ctx.obj.json else text_of(client.url, status))
        return 0
    if ctx.obj.json or not wants_live(sys.stdout):
        _print_changes(client, bool(ctx.obj.json))
    return _redraw(client)


def _print_changes(client: Client, as_json: bool) -> None:
    last = ""
    while True:
        status = client.get("status")
        text = json.dumps(status) if as_json else text_of(client.url, status)
        if text != last:
            click.echo(text)
            sys.stdout.flush()
        last = text
        time.sleep(SECONDS)


def _redraw(client: Client) -> int:
    from rich.live import Live
    from rich.text import Text

    with Live(Text(""), auto_refresh=False) as live:
        while True:
            live.update(Text(text_of(client.url, client.get("status"))), refresh=True)
            time.sleep(SECONDS)


def text_of(url: str, status: dict[str, Any]) -> str:
    """The status for people."""
    name = f" ({status['name']})" if status["name"] else ""
    count = len(status["runs"])
    doing = "idle" if not count else "one run under way" if count == 1 else f"{count} runs under way"
    lines = [f"party {status['party']}{name}, {status['role']}, {url}: {doing}"]
    if status["insecure"]:
        lines.append("INSECURE: plain http beyond this machine")
    for waiting in status["pending"]:
        left = human_seconds(waiting["left_s"])
        lines.append(f"run {waiting['run_id']} of party {waiting['leader']} waits for approval, for {left} at most")
    for run in status["runs"]:
        lines += _run_lines(run)
    if status["history"]:
        lines.append("ended:")
        lines += [_ended_line(record) for record in status["history"][:LISTED]]
    return "\n".join(lines)


def _run_lines(run: dict[str, Any]) -> list[str]:
    left = "" if run["eta_s"] is None else f", {human_seconds(run['eta_s'])} left in this phase"
    phase = f", {run['phase']} {run['done']:.0%}" if run["phase"] else ""
    lines = [f"run {run['run_id']}: {run['state']}{phase}{left}, {human_seconds(run['seconds'])} so far"]
    for peer in run["peers"]:
        seen = "not heard of yet"
        if peer["last_seen_s"] is not None:
            seen = f"heard of {human_seconds(peer['last_seen_s'])} ago"
        sent, received = human_bytes(peer["sent"]), human_bytes(peer["received"])
        lines.append(f"  party {peer['party']}: {seen}, {sent} sent, {received} received")
    return lines


def _ended_line(record: dict[str, Any]) -> str:
    reason = record["message"] or record["code"]
    line = f"  {record['run_id']}  {record['started_at']}  {human_seconds(record['seconds'])}  {record['result']}"
    return f"{line}: {reason}" if reason else line
