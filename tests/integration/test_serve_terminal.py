"""What a person sees of ``polytune serve`` on a terminal."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from engine.events import PHASES
from polytune_cli.datagen import people, write_sqlite
from tests.integration.scene import ROOT, Process, free_ports
from tests.integration.test_serve_databases import policy
from tests.product.pseudo_terminal import Terminal, lines_of


def test_a_terminal_shows_every_phase_with_rising_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = people(20, 4, 0.8)
    write_sqlite(dataset, tmp_path)
    ports = free_ports(2)
    files = {name: f"sqlite://{tmp_path / name}.sqlite" for name in ("location", "disability", "results")}
    first = policy(tmp_path, 0, ports, input=files["location"], output=files["results"])
    second = policy(tmp_path, 1, ports, input=files["disability"])
    for name in (first, second):
        text = (tmp_path / name).read_text().replace("TRUNCATE results", "DELETE FROM results")
        # SQLite counts bytes of text only in BLOBs.
        text = re.sub(r"CONCAT\(([^)]*)\)", lambda m: "(" + m[1].replace(", ", " || ") + ")", text)
        text = re.sub(r"(?:OCTET_)?LENGTH\((\([^)]*\))\)", r"LENGTH(CAST(\1 AS BLOB))", text)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    contributor = Process(tmp_path, "contributor", ["serve", "--config", second, "--runs", "1"])
    shares: dict[str, list[int]] = defaultdict(list)

    def look(screen: object) -> None:
        for line in lines_of(screen):  # type: ignore[arg-type]
            found = re.match(r".*?\b(\w+) \d+/\d+\s.*?\s(\d+)%", line)
            if found and found[1] in PHASES and (not shares[found[1]] or shares[found[1]][-1] != int(found[2])):
                shares[found[1]].append(int(found[2]))

    try:
        contributor.wait_for("Listening for connection attempts from other parties")
        command = [sys.executable, "-m", "polytune_cli.main", "serve", "--config", first]
        terminal = Terminal(command, columns=130, lines=60, PYTHONPATH=str(ROOT))
        assert terminal.read_to_end(look, 240) == 0, lines_of(terminal.screen)
        assert contributor.end() == 0
    finally:
        contributor.stop()
    for phase in PHASES:
        seen = shares[phase]
        assert seen == sorted(seen), (phase, seen)
        assert len(seen) >= 3, (phase, seen)
    assert any("MPC Output: 10 rows" in line for line in lines_of(terminal.screen))
    # Without a terminal there are plain lines and no control codes.
    assert "\x1b" not in contributor.log
