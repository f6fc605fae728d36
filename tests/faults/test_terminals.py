"""A run is done whatever standard output is, and in whatever language and encoding the system speaks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.integration.scene import SUM, Scene

#: The C locale as it is: Python must not switch to UTF-8 by itself.
C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
#: A command runs without descriptor 1.
CLOSED = ["sh", "-c", 'exec "$@" >&-', "sh"]
IDLE = "Listening for connection attempts from other parties"


@pytest.mark.fault(64)
def test_runs_with_a_closed_or_broken_standard_output_in_the_c_locale(scene: Callable[..., Scene]) -> None:
    place = scene(program="// Größe ≠ ½\n" + SUM)
    name = "Gesundheitsämter ☃"
    for party in (0, 1):
        place.change(party, name=name)
    contributor = place.start(1, env=C_LOCALE)
    closed = place.start(0, prefix=CLOSED)
    assert closed.end() == 0, closed.errors
    assert closed.log == closed.errors == ""
    assert place.results == [36, 0]
    contributor.wait_for(IDLE, 2)
    # Somebody reads a line and goes, as `| head -1` does.
    place.execute("in1.sqlite", "INSERT INTO t VALUES (100)")
    process = subprocess.Popen(
        [sys.executable, "-m", "polytune_cli.main", "serve", "-c", "policy0.json"],
        cwd=place.folder,
        env={**os.environ, **C_LOCALE, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    assert b"listening on" in process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(60) == 0, errors
    assert errors == b""
    assert place.results == [136, 0]
    contributor.wait_for(IDLE, 3)
    assert "Traceback" not in contributor.log + contributor.errors
    assert "Accepted policy" in contributor.log
