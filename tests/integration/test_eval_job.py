"""``polytune eval --config``: the whole job without encryption, and the check of its outputs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.scene import Scene

BOTH = ("eval", "--config", "policy1.json", "--config", "policy0.json")


def test_the_whole_job_without_encryption(scene: Any) -> None:
    """The result is printed; it is written with --write only, at every output party."""
    parties: Scene = scene()
    parties.change(0, output_parties=[0, 1])
    parties.change(1, output_parties=[0, 1], output={"file": "out1.csv"})
    done = parties.run(*BOTH)
    assert (done.end(), done.log) == (0, "[36, 0]\n"), done.errors
    assert "returned 3 rows from" in done.errors
    assert parties.results == [999]
    checked = parties.run(*BOTH, "--write-check", "--json")
    assert checked.end() == 0, checked.errors
    targets = [output["target"] for output in json.loads(checked.log)["outputs"]]
    assert targets == [f"sqlite://{parties.folder}/out.sqlite", f"{parties.folder}/out1.csv"]
    assert parties.results == [999]
    assert not (parties.folder / "out1.csv").exists()
    written = parties.run(*BOTH, "--write", "--json")
    assert (written.end(), json.loads(written.log)) == (0, {"ok": "[36, 0]"}), written.errors
    assert parties.results == [36, 0]
    assert (parties.folder / "out1.csv").read_text() == "36\n0\n"


@pytest.mark.fault(54)
@pytest.mark.fault(53)
def test_what_would_fail_in_a_run(scene: Any) -> None:
    """An output that cannot work, a panic, policies that do not fit, a party that is missing."""
    parties: Scene = scene()
    parties.execute("out.sqlite", "DROP TABLE results")
    checked = parties.run(*BOTH, "--write-check")
    assert checked.end() == 4
    assert "Error: output check failed: output.setup: no such table: results" in checked.errors
    parties.execute("in0.sqlite", "UPDATE t SET x = 250")
    panic = parties.run(*BOTH, "--json")
    assert panic.end() == 1
    assert json.loads(panic.log)["panic"] == "Overflow"
    parties.change(1, output_parties=[1])
    differs = parties.run(*BOTH)
    assert differs.end() == 5
    assert "Error: party 1 would refuse: output_parties differ" in differs.errors
    alone = parties.run("eval", "--config", "policy0.json")
    assert alone.end() == 3
    assert "Error: the policy of party 1 is missing" in alone.errors
    usage = parties.run("eval", "program.garble.rs", "--write")
    assert usage.end() == 2
