"""The shipped example between PostgreSQL and MariaDB, from the leader's start to its exit; prints one JSON object.

    python benchmarks/example_job.py [--rows N] [--repeat R]

Needs the packages of the tests (`scripts/venv test`) and the servers of `scripts/servers`, which it starts if they do
not run. One contributor process serves all runs, as it would in production; each leader is a new process.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from polytune_cli.datagen import people, sql_script  # noqa: E402
from polytune_cli.demo.ports import ReservedPorts  # noqa: E402
from tests.servers import TestDatabase, connect  # noqa: E402

PHASE = re.compile(r"MPC computation for party 0 took .*")


def server_urls() -> dict[str, str]:
    """Addresses of the administrators of both servers."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "servers"), "start", "--json"], check=True, stdout=subprocess.PIPE
    )
    record = json.loads(done.stdout)
    return {name: record[name]["url"] for name in ("postgres", "mariadb")}


def new_database(admin: str, kind: str, name: str) -> TestDatabase:
    """A fresh database of one of the servers."""
    connection = connect(admin)
    if kind == "postgres":
        connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"DROP DATABASE IF EXISTS {name}")
    cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    return TestDatabase(kind, admin.rpartition("/")[0] + "/" + name)


def write_policy(folder: Path, party: int, ports: list[int], **databases: str) -> Path:
    """The shipped policy of a party with other addresses."""
    policy = json.loads((ROOT / "policies" / f"policy{party}.json").read_text())
    policy["participants"] = [f"http://127.0.0.1:{port}" for port in ports]
    policy["program"] = str(ROOT / "policies" / "care_by_area.garble.rs")
    for key, url in databases.items():
        policy[key]["db"] = url
    path = folder / f"policy{party}.json"
    path.write_text(json.dumps(policy))
    return path


def start(config: Path, *options: str) -> subprocess.Popen[bytes]:
    """A party as a user starts it; its log goes to a file beside the policy."""
    log = config.with_suffix(".log").open("ab")
    command = [sys.executable, "-m", "polytune_cli.main", "serve", "--config", str(config), *options]
    return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)})


def wait_for(process: subprocess.Popen[bytes], path: Path, text: str) -> None:
    """Return when the log has the text; ends the measurement when the process ends before."""
    while text not in path.read_text():
        if process.poll() is not None:
            raise SystemExit(path.read_text())
        time.sleep(0.02)


def measure(rows: int, repeat: int) -> dict[str, Any]:
    """Seconds of every run, and what the result was compared with."""
    urls = server_urls()
    data = people(rows, 5, 0.8)
    kinds = ("postgres", "mariadb", "postgres")
    databases = [new_database(urls[kind], kind, f"polytune_bench_{i}") for i, kind in enumerate(kinds)]
    for database in databases:
        database.script(sql_script(data, database.kind))
    location, disability, results = databases
    seconds = []
    with tempfile.TemporaryDirectory() as name, ReservedPorts(2) as reserved:
        folder, ports = Path(name), list(reserved.numbers)
        first = write_policy(folder, 0, ports, input=location.url, output=results.url)
        second = write_policy(folder, 1, ports, input=disability.url)
        reserved.release()
        contributor = start(second, "--runs", str(repeat))
        try:
            wait_for(contributor, second.with_suffix(".log"), "Listening for connection attempts")
            time.sleep(2)  # it also tries its own input at its start
            for _ in range(repeat):
                begun = time.perf_counter()
                if start(first).wait() != 0:
                    raise SystemExit(first.with_suffix(".log").read_text())
                seconds.append(round(time.perf_counter() - begun, 3))
                found = [row[0] for row in results.run("SELECT joined FROM results ORDER BY id")]
                if found != data.expected:
                    raise SystemExit(f"the result {found} is not {data.expected}")
        finally:
            contributor.terminate()
            contributor.wait()
    return {"case": "example job", "rows": rows, "median_seconds": statistics.median(seconds), "seconds": seconds}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    print(json.dumps(measure(given.rows, given.repeat)))


if __name__ == "__main__":
    main()
