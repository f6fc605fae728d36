"""How fast rows of a database become input bits, and in how much memory; prints one JSON object.

python benchmarks/rows.py                           1,000,000 rows of PostgreSQL (scripts/servers is started if needed)
python benchmarks/rows.py --kind mariadb            of MariaDB; --kind sqlite: of a SQLite file
python benchmarks/rows.py --url postgres://... --rows 100000 --hash

The table ``polytune_rows`` is made and dropped again: name (text, 11 to 31 bytes), weight (INT), number (BIGINT). It is
read in one transaction and encoded for a parameter ``[([u8; 32], u16, u64); N]`` that goes into a join, so the rows are
sorted by name. Reading is done by a process of its own, so that its memory is that of reading. ``input_bits`` is the
size of the result, one byte a bit, in which the protocol takes its input.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[1]
TABLE = "polytune_rows"
SOURCE = {
    "postgres": "SELECT i FROM generate_series(1, {rows}) AS s(i)",
    "mysql": "SELECT seq AS i FROM seq_1_to_{rows}",
    "sqlite": "WITH RECURSIVE s(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM s WHERE i < {rows}) SELECT i FROM s",
}
#: Names in another order than the rows; every fourth is not ASCII.
NAME = {
    "postgres": "(i::bigint * 7919 % 1000003) || CASE i % 4 WHEN 0 THEN ' Größe ' ELSE ' Name ' END || i",
    "mysql": "CONCAT(i * 7919 % 1000003, CASE i % 4 WHEN 0 THEN ' Größe ' ELSE ' Name ' END, i)",
    "sqlite": "(i * 7919 % 1000003) || CASE i % 4 WHEN 0 THEN ' Größe ' ELSE ' Name ' END || i",
}


@contextlib.contextmanager
def database(kind: str) -> Iterator[str]:
    """URL of a database of that kind; a server that was not running is stopped again."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.sqlite"
            path.touch()
            yield f"sqlite://{path}"
        return
    script = [sys.executable, str(ROOT / "scripts" / "servers")]
    running = subprocess.run([*script, "status"], capture_output=True, check=False).returncode == 0
    done = subprocess.run([*script, "start", "--json"], stdout=subprocess.PIPE, text=True, check=True)
    try:
        yield json.loads(done.stdout)[kind]["url"]
    finally:
        if not running:
            subprocess.run([*script, "stop"], check=True, stdout=subprocess.DEVNULL)


def make_table(url: str, rows: int) -> None:
    """Make and fill the table."""
    from engine.data.connect import begin_write, open_database
    from engine.sources import InputSpec

    with open_database(InputSpec(url, ""), "input") as opened:
        begin_write(opened)
        kind = opened.kind
        columns = f"{NAME[kind]} AS name, i % 60000 AS weight, i * 1000003 AS number"
        if kind == "postgres":
            columns = columns.replace("i * 1000003", "i::bigint * 1000003")
        opened.run(f"DROP TABLE IF EXISTS {TABLE}")
        opened.run(f"CREATE TABLE {TABLE} (name VARCHAR(40), weight INT, number BIGINT)")
        source = SOURCE[kind].format(rows=rows)
        opened.run(f"INSERT INTO {TABLE} SELECT {columns} FROM ({source}) AS made")
        opened.connection.commit()


def drop_table(url: str) -> None:
    """Drop it again."""
    from engine.data.connect import begin_write, open_database
    from engine.sources import InputSpec

    with open_database(InputSpec(url, ""), "input") as opened:
        begin_write(opened)
        opened.run(f"DROP TABLE {TABLE}")
        opened.connection.commit()


def measure(url: str, rows: int, hashed: bool) -> dict[str, Any]:
    """Read and encode in this process."""
    from engine.data import encode_rows, read_snapshot
    from engine.resources import peak_memory, resident_memory
    from engine.sources import ColumnRule, InputSpec, RowCount
    from engine.values import ArrayType, IntType, TupleType

    width = 12 if hashed else 32
    columns: dict[int | str, ColumnRule] = {0: ColumnRule("hash", 12)} if hashed else {}
    spec = InputSpec(url, f"SELECT name, weight, number FROM {TABLE}", columns=columns)
    limits = SimpleNamespace(rows=rows)
    policy = SimpleNamespace(party=0, input=spec, constants={"ROWS": RowCount()}, limits=limits)
    element = TupleType((ArrayType(IntType("u8"), width), IntType("u16"), IntType("u64")))
    # The drivers are loaded before the clock starts and before memory is compared.
    warm = SimpleNamespace(
        **{**vars(policy), "input": InputSpec(url, f"{spec.query} WHERE number = 0", allow_empty=True)}
    )
    read_snapshot(warm, {})
    before, start = resident_memory(), time.perf_counter()
    snapshot = read_snapshot(policy, {"ROWS": IntType("usize")})
    read, kept = time.perf_counter(), resident_memory()
    encoded = encode_rows(
        snapshot.rows,
        ArrayType(element, rows),
        parameter_name="rows",
        joins=True,
        rules=snapshot.rules,
        key=b"benchmark",
    )
    done = time.perf_counter()
    assert encoded.sorted and encoded.rows == rows
    return {
        "rows": rows,
        "kind": snapshot.kind,
        "hash": hashed,
        "read_seconds": round(read - start, 2),
        "encode_seconds": round(done - read, 2),
        "rows_per_second": round(rows / (done - start)),
        "process_bytes": before,
        "table_bytes": kept - before,
        "input_bits": encoded.bits.nbytes,
        "peak_rss_bytes": peak_memory(),
    }


def main() -> int:
    """Make the table, measure in a process of its own, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=["postgres", "mariadb", "sqlite"], default="postgres")
    parser.add_argument("--url", help="an existing database instead of a local one")
    parser.add_argument("--hash", action="store_true", help='read the name with "as": "hash:12"')
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.url, options.rows, options.hash)))
        return 0
    with database(options.kind) if options.url is None else contextlib.nullcontext(options.url) as url:
        make_table(url, options.rows)
        try:
            again = [sys.executable, __file__, "--measure", "--url", url, "--rows", str(options.rows)]
            return subprocess.run([*again, *(["--hash"] if options.hash else [])], check=False).returncode
        finally:
            drop_table(url)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
