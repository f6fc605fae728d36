"""When the result cannot be written: rolled back, kept, and applied later with ``polytune output --resume``."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.integration.scene import Process, Scene

DATABASE = {
    "db": "sqlite://out.sqlite",
    "setup": "DELETE FROM results",
    "query": "INSERT INTO results VALUES ($1)",
}


def saved(leader: Process) -> Path:
    """The recovery file that the error names."""
    line = next(line for line in leader.errors.splitlines() if "result saved to " in line)
    path, _, advice = line.partition("result saved to ")[2].partition("; ")
    assert advice == f"apply with: polytune output --resume {path}"
    return Path(path)


@pytest.mark.fault(56)
@pytest.mark.defect("D12")
def test_a_refused_row_and_its_way_back(scene: Any) -> None:
    """The second row breaks a constraint: old rows stay, the other output is written, the contributor goes on; when the
    table is repaired the file is applied, once.
    """
    parties: Scene = scene()
    parties.execute("out.sqlite", "DROP TABLE results", "CREATE TABLE results (value INTEGER CHECK (value <> 0))")
    parties.execute("out.sqlite", "INSERT INTO results VALUES (999)")
    parties.change(0, output=[DATABASE, {"file": "out.csv"}])
    contributor = parties.start(1)
    leader = parties.start(0)
    assert leader.end() == 4
    assert "output[0].query, row 2: CHECK constraint failed" in leader.errors
    assert "output[0] was not written, output[1] was written" in leader.errors
    assert parties.results == [999]
    assert (parties.folder / "out.csv").read_text() == "36\n0\n"
    path = saved(leader)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    contributor.wait_for("Listening for connection attempts from other parties", 2)

    again = parties.run("output", "--resume", str(path))
    assert (again.end(), "stays" in again.errors) == (4, True)
    parties.execute("out.sqlite", "DROP TABLE results", "CREATE TABLE results (value INTEGER)")
    (parties.folder / "out.csv").unlink()
    applied = parties.run("output", "--resume", str(path), "--json")
    assert applied.end() == 0, applied.errors
    (written,) = json.loads(applied.log)["written"]
    assert written == {"output": "output[0]", "target": f"sqlite://{parties.folder}/out.sqlite", "rows": 2}
    assert parties.results == [36, 0]
    assert not path.exists()
    assert not (parties.folder / "out.csv").exists()
    assert parties.run("output", "--resume", str(path)).end() == 4
