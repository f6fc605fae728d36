"""`polytune demo`: see two or three parties join their registers on this machine."""

from __future__ import annotations

import json as jsonlib
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from engine.errors import PolytuneError

if TYPE_CHECKING:
    from polytune_cli.demo.report import Report
    from polytune_cli.demo.setup import Scene
    from polytune_cli.live import View


@click.command("demo", short_help="Run all parties on this machine with made-up data.")
@click.option(
    "--parties",
    type=click.IntRange(2, 3),
    default=2,
    show_default=True,
    help="2: two registers. 3: and a party that brings a secret threshold.",
)
@click.option(
    "--rows",
    type=click.IntRange(1, 1_000_000),
    default=50,
    show_default=True,
    help="People in each register.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Chooses the made-up people; never used for secrets.",
)
@click.option("--db", type=click.Choice(["sqlite"]), default="sqlite", show_default=True, help="Kind of the databases.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Leave databases, keys, policies and logs in this empty or new folder.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads of each party.  [default: its part of the usable cores]",
)
@click.option("--insecure", is_flag=True, help="Plain HTTP between the parties instead of mutual TLS.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, progress on stderr.")
@click.pass_context
def command(
    ctx: click.Context,
    parties: int,
    rows: int,
    seed: int,
    db: str,
    keep: Path | None,
    threads: int | None,
    insecure: bool,
    as_json: bool,
) -> None:
    """Make registers of people who do not exist, give each party its own, and join them.

    Every party is a process of its own (`polytune serve`) with its own database and policy; the processes
    talk over HTTPS on this machine, with keys made for this demo. At the end the result stands beside the
    answer of a plain Python loop that reads all databases. Exit code 0 when both agree.
    """
    from polytune_cli.demo.report import print_report

    with interruptible(), told_as_json(as_json):
        _prepare_kernels(ctx, as_json)
        report = _run(parties, rows, seed, keep, threads, insecure, _shown(ctx, as_json))
    if as_json:
        click.echo(jsonlib.dumps(report.to_json()))
    else:
        print_report(report)
        if keep is not None:
            click.echo(f"\nDatabases, policies and logs are in {keep}")
        else:
            click.echo("\n'polytune init DIR' makes a folder like this one to start from.")
    if not report.match:
        sys.exit(1)


def _shown(ctx: click.Context, as_json: bool) -> Callable[[Scene], View]:
    """The progress view: live on a terminal, plain lines else, nothing with --quiet."""
    from polytune_cli.live import PlainView, view

    stream = sys.stderr if as_json else sys.stdout

    def make(scene: Scene) -> View:
        if getattr(ctx.obj, "quiet", False):
            return PlainView(scene.parties, "", write=lambda line: None)
        title = f"Joining the data of {scene.parties} parties, {scene.rows} rows in each register"
        return view(scene.parties, title, scene.names, stream=stream)

    return make


def _prepare_kernels(ctx: click.Context, as_json: bool) -> None:
    """The parties would do it, but nobody would see it. Usually nothing is to do, and numba is not even imported."""
    from engine.codecache import may_be_complete

    if may_be_complete():
        return
    from polytune_cli.kernels import get_ready

    quiet = getattr(ctx.obj, "quiet", False)
    get_ready((lambda line: None) if quiet else None, sys.stderr if as_json else sys.stdout)


def _run(
    parties: int,
    rows: int,
    seed: int,
    keep: Path | None,
    threads: int | None,
    insecure: bool,
    make_view: Callable[[Scene], View],
) -> Report:
    from polytune_cli.demo.run import run_demo, temporary_folder
    from polytune_cli.demo.setup import Scene

    folder = temporary_folder(keep)
    try:
        scene = Scene.make(folder, parties, rows, seed, threads, insecure=insecure)
        with make_view(scene) as shown:
            return run_demo(scene, shown.sink, shown.log)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def told_as_json(wanted: bool) -> Iterator[None]:
    """With ``--json`` an error is one JSON object on stdout too (and the usual lines on stderr)."""
    try:
        yield
    except PolytuneError as error:
        if wanted:
            told = {"code": error.code, "message": error.message, "hint": error.hint}
            click.echo(jsonlib.dumps({"ok": False, "error": told}))
        raise


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind like Ctrl-C, so that children end and the folder goes; exit code 128 +
    signal."""
    caught: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        if len(caught) == 1:  # a second one must not cut the clean-up short; it is bounded in time
            raise KeyboardInterrupt

    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {kind: signal.signal(kind, interrupt) for kind in kinds}
    try:
        yield
    except KeyboardInterrupt:
        click.echo("interrupted; all parties were ended", err=True)
        sys.exit(128 + (caught[0] if caught else signal.SIGINT))
    finally:
        for kind, handler in previous.items():
            signal.signal(kind, handler)
