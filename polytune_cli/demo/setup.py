"""The scene of a demo: databases, programs and policies of all parties in one folder."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from engine.resources import cores_each
from engine.transport.certificates import make_certificate
from polytune_cli.datagen import Dataset, people, people_with_threshold, write_sqlite
from polytune_cli.keys import write_pair

#: The town leads and receives the result.
LEADER = 0
PROGRAMS = {2: "care_by_area.garble.rs", 3: "threshold.garble.rs"}
NAMES = ("town", "care office", "ministry")

_KEY = "first_name || last_name || date_of_birth"
#: For each register: file, table and the column that only this party knows.
_REGISTERS = (("location", "location_town", "area_city"), ("disability", "disability", "care_level"))


@dataclass(frozen=True)
class Scene:
    """A folder with everything the parties need; ``rows`` in each register, ``threads`` for each party.

    ``identities`` are the fingerprints of their certificates; without any they speak plain HTTP.
    """

    folder: Path
    parties: int
    rows: int
    threads: int
    identities: tuple[str, ...] = ()

    @classmethod
    def make(
        cls, folder: Path, parties: int, rows: int, seed: int, threads: int | None = None, *, insecure: bool = False
    ) -> Scene:
        """Write databases, the program and (unless ``insecure``) keys into ``folder``; policies follow when ports are
        known."""
        identities = () if insecure else tuple(_make_key(folder, party) for party in range(parties))
        scene = cls(folder, parties, rows, threads or cores_each(parties), identities)
        dataset: Dataset = (people if parties == 2 else people_with_threshold)(rows, seed)
        write_sqlite(dataset, folder)
        if parties == 2:
            (folder / "threshold.sqlite").unlink(missing_ok=True)  # nobody's database in this scene
        source = resources.files("polytune_cli.demo") / "programs" / PROGRAMS[parties]
        (folder / PROGRAMS[parties]).write_bytes(source.read_bytes())
        return scene

    @property
    def names(self) -> Sequence[str]:
        """What the parties are called on the screen."""
        return NAMES[: self.parties]

    def urls(self, ports: Sequence[int]) -> list[str]:
        """Addresses of the parties on ``ports``."""
        scheme = "https" if self.identities else "http"
        return [f"{scheme}://127.0.0.1:{port}/" for port in ports]

    def log(self, party: int) -> Path:
        """Where the party's own output goes."""
        return self.folder / f"party{party}.log"

    def options(self, party: int) -> list[str]:
        """Options of `polytune serve` beside the policy: contributors end after the run."""
        common = ["--state-dir", str(self.folder / f"state{party}"), "--threads", str(self.threads)]
        common += ["--admin-port", "0"]
        return common if party == LEADER else [*common, "--runs", "1"]

    def write_policies(self, ports: Sequence[int]) -> list[Path]:
        """One policy a party for these ports; returns their paths."""
        paths = []
        for party in range(self.parties):
            path = self.folder / f"policy{party}.json"
            path.write_text(json.dumps(self._policy(party, self.urls(ports)), indent=2) + "\n", encoding="utf-8")
            paths.append(path)
        return paths

    def _policy(self, party: int, urls: Sequence[str]) -> dict[str, Any]:
        policy: dict[str, Any] = {
            "name": NAMES[party],
            "participants": list(urls),
            "program": PROGRAMS[self.parties],
            "leader": LEADER,
            "party": party,
        }
        if self.identities:
            policy["identities"] = list(self.identities)
            policy["tls"] = {"cert": f"p{party}.crt", "key": f"p{party}.key"}
        if party < len(_REGISTERS):
            policy |= _register_input(*_REGISTERS[party])
        else:
            policy["input"] = {"db": "sqlite://threshold.sqlite", "query": "SELECT threshold FROM settings"}
            policy["constants"] = {}
        if party == LEADER:
            policy["output"] = {
                "db": "sqlite://results.sqlite",
                "setup": "DELETE FROM results",
                "query": "INSERT INTO results (joined) VALUES (CAST($1 AS INT))",
            }
        return policy

    def result(self) -> list[int]:
        """The rows that the leader wrote."""
        return [row[0] for row in self._query("results", "SELECT joined FROM results ORDER BY id")]

    def expected(self) -> list[int]:
        """The plain answer: a loop over the rows of all databases, as anybody could do who saw them all."""
        threshold = 4
        if self.parties == 3:
            threshold = self._query("threshold", "SELECT threshold FROM settings")[0][0]
        levels = dict(self._query("disability", f"SELECT {_KEY}, care_level FROM disability"))
        counts = [0] * 10
        for key, area in self._query("location", f"SELECT {_KEY}, area_city FROM location_town"):
            if levels.get(key, 0) >= threshold:
                counts[area] += 1
        return counts

    def _query(self, database: str, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / f"{database}.sqlite")) as connection:
            return connection.execute(query).fetchall()


def _make_key(folder: Path, party: int) -> str:
    """A key for this demo; returns the fingerprint of its certificate."""
    made = make_certificate(f"polytune demo, party {party}", ["127.0.0.1", "localhost"], days=2)
    write_pair(folder, party, made.key, made.certificate, force=True)
    return made.fingerprint


def _register_input(database: str, table: str, column: str) -> dict[str, Any]:
    """``input`` and ``constants`` of a party with a register."""
    return {
        "input": {"db": f"sqlite://{database}.sqlite", "query": f"SELECT {_KEY}, {column} FROM {table}"},
        "constants": {
            "ROWS": f"SELECT COUNT(id) FROM {table}",
            "ID_LEN": f"SELECT MAX(LENGTH(CAST({_KEY} AS BLOB))) FROM {table}",
        },
    }
