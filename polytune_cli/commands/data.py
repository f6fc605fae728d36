"""``polytune data``: deterministic test databases with a known answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from polytune_cli.datagen import Dataset


@click.command("data")
@click.option("--rows", type=click.IntRange(1, 10_000_000), default=50, show_default=True, help="People on each side.")
@click.option("--seed", type=int, default=None, help="Makes the same data again; drawn and shown when absent.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option(
    "--overlap",
    type=click.FloatRange(0.0, 1.0),
    default=0.8,
    show_default=True,
    help="Share of the people who are on both sides.",
)
@click.option(
    "--format",
    "forms",
    multiple=True,
    type=click.Choice(["sqlite", "sql", "postgres", "mysql", "csv", "parquet"]),
    default=["sqlite"],
    show_default=True,
    help="SQLite files, a script for PostgreSQL or MySQL (sql: both), CSV or Parquet; may be given several times.",
)
@click.option(
    "--parties",
    type=click.Choice(["2", "3"]),
    default="2",
    show_default=True,
    help="3: a third party brings the care level from which people count.",
)
@click.option("--duplicates", type=click.IntRange(0), default=0, help="Fault: people who appear twice.")
@click.option("--nulls", type=click.IntRange(0), default=0, help="Fault: rows without a first name.")
@click.option("--long-names", type=click.IntRange(0), default=0, help="Fault: rows with a very long name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    rows: int,
    seed: int | None,
    out: Path,
    overlap: float,
    forms: tuple[str, ...],
    parties: str,
    duplicates: int,
    nulls: int,
    long_names: int,
    as_json: bool,
) -> None:
    """Write test data of two registers, and the result that a plain join over them gives."""
    from polytune_cli.datagen import people, people_with_threshold, spoil

    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    dataset = (people if parties == "2" else people_with_threshold)(rows, seed, overlap)
    try:
        dataset = spoil(dataset, duplicates=duplicates, nulls=nulls, long_names=long_names)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    files = _write(dataset, out, forms)
    if as_json:
        report = {"ok": True, "seed": seed, "rows": rows, "expected": dataset.expected, "files": files}
        click.echo(json.dumps(report))
        return
    click.echo(f"{rows} people on each side (seed {seed}), expected result {dataset.expected}")
    for name in files:
        click.echo(f"  {name}")


def _write(dataset: Dataset, out: Path, forms: tuple[str, ...]) -> list[str]:
    """Write the files; a folder that cannot be written is an error of exit code 6."""
    from engine.errors import ResourceError
    from polytune_cli.datagen import write_csv, write_expected, write_parquet, write_sql, write_sqlite

    writers: dict[str, Callable[[], dict[str, Path]]] = {
        "sqlite": lambda: write_sqlite(dataset, out),
        "sql": lambda: write_sql(dataset, out),
        "postgres": lambda: write_sql(dataset, out, ["postgres"]),
        "mysql": lambda: write_sql(dataset, out, ["mysql"]),
        "csv": lambda: write_csv(dataset, out),
        "parquet": lambda: write_parquet(dataset, out),
    }
    try:
        paths = [path for form in dict.fromkeys(forms) for path in writers[form]().values()]
        paths.append(write_expected(dataset, out))
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise ResourceError(f"cannot write to {out}: {reason}", "choose another folder with --out") from None
    return [str(path) for path in paths]
