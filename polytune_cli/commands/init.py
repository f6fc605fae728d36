"""``polytune init``: a folder with everything that a first run needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from polytune_cli.keys import DAYS, write_pair

if TYPE_CHECKING:
    from engine.transport.certificates import NewCertificate

MOST_PARTIES = 16


@click.command("init")
@click.argument("directory", default=".", metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--parties", type=click.IntRange(2, MOST_PARTIES), default=2, show_default=True, help="Number of parties."
)
@click.option(
    "--rows", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="Made-up people in each register."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Chooses the made-up people, never a key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, directory: Path, parties: int, rows: int, seed: int, as_json: bool) -> None:
    """Make a folder to start from: policies with comments, keys, a program, data, a compose file, .env.

    The folder works as it stands: a town and a care office join their registers of people who do not exist. Change it
    step by step into your own. Files that exist are never overwritten.
    """
    from engine.transport.certificates import make_certificate
    from polytune_cli.init import project

    port = project.FIRST_PORT
    urls = [f"https://localhost:{port + party}" for party in range(parties)]
    keys = [make_certificate(f"polytune party {p}", ["localhost", f"party{p}"], DAYS) for p in range(parties)]
    fingerprints = [key.fingerprint for key in keys]
    texts = {project.policy_name(party): project.policy(party, urls, fingerprints) for party in range(parties)}
    texts[project.PROGRAM] = project.program(parties)
    texts["compose.yml"] = project.compose(parties)
    texts[".env.example"] = project.env_example(urls)
    texts[".gitignore"] = ".env\nkeys/\n"
    _write(directory, texts, keys, rows, seed)
    if as_json or getattr(ctx.obj, "json", False):
        click.echo(json.dumps({"ok": True, "folder": str(directory), "files": sorted(texts), "parties": parties}))
        return
    _tell(directory, parties)


def _write(directory: Path, texts: dict[str, str], keys: list[NewCertificate], rows: int, seed: int) -> None:
    """Write all or, when anything is there already, nothing. Raises ResourceError."""
    from engine.errors import ResourceError
    from engine.files import write_whole

    taken = [name for name in (*texts, "data", "keys") if (directory / name).exists()]
    if taken:
        raise ResourceError(
            f"{directory / taken[0]} exists; nothing was written", "name another folder, or an empty one", code="exists"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_whole(directory / name, text.encode(), mode=0o644, replace=False)
        for party, key in enumerate(keys):
            write_pair(directory / "keys", party, key.key, key.certificate)
        _write_data(directory / "data", len(keys), rows, seed)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise ResourceError(f"cannot write to {directory}: {reason}", "name another folder") from None


def _write_data(folder: Path, parties: int, rows: int, seed: int) -> None:
    from polytune_cli.datagen import people, people_with_threshold, write_expected, write_sqlite

    make: Any = people if parties == 2 else people_with_threshold
    dataset = make(rows, seed)
    write_sqlite(dataset, folder)
    write_expected(dataset, folder)
    if parties == 2:
        (folder / "threshold.sqlite").unlink()


def _tell(directory: Path, parties: int) -> None:
    from polytune_cli.init.project import policy_name

    own = [directory / policy_name(party) for party in range(parties)]
    click.echo(f"The folder {directory} is ready. Try it:\n")
    click.echo(f"  polytune check --config {own[0]} --db")
    for party in range(1, parties):
        click.echo(f"  polytune serve --config {own[party]}        (in a terminal of its own: it waits)")
    click.echo(f"  polytune serve --config {own[0]}        (last: the leader)")
    data = directory / "data"
    click.echo(f"\nThe result is then in {data / 'results.sqlite'}; {data / 'expected.json'} holds the right answer.")
