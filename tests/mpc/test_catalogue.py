"""The catalogue of deviations is complete, and its page is the one that the tests make."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from . import (  # noqa: F401
    test_cheating_batch,
    test_cheating_execution,
    test_cheating_frames,
    test_cheating_setup,
    test_ordering,
    test_rates,
)
from .catalogue import ROWS

ROOT = Path(__file__).parents[2]
#: Deviations that only a garbler or only the evaluator can commit, and those that two or three parties do not have.
ONLY_GARBLERS = {42, 43, 44, 45, 48, 51}
ONLY_EVALUATOR = {49, 50, 52, 54}
ONLY_FIRST_GARBLER = {43}
NOT_OF_TWO = {2, 7, 10, 12, 13, 14, 18, 20, 24, 27, 28, 29, 38, 44, 47, 52}
NOT_OF_THREE = {30, 31}


def test_all_rows_are_there():
    assert sorted(ROWS) == list(range(1, 58))


@pytest.mark.parametrize("number", range(1, 58))
def test_roles(number):
    """Each row is played by the evaluator and by garblers, with two parties and with three, where that is possible."""
    wanted = set()
    for parties in (2, 3):
        for p in range(parties):
            able = not (number in ONLY_GARBLERS and p == 0) and not (number in ONLY_EVALUATOR and p > 0)
            able &= not (number in ONLY_FIRST_GARBLER and p > 1)
            if able and number not in (NOT_OF_TWO if parties == 2 else NOT_OF_THREE):
                wanted.add((parties, p))
    assert ROWS[number].roles == wanted


def test_every_row_says_how_it_ends():
    for row in ROWS.values():
        assert row.phases or row.ending


def test_the_page_is_the_one_the_tests_make():
    done = subprocess.run([sys.executable, ROOT / "docs" / "cheating.py", "--check"], timeout=120, check=False)
    assert done.returncode == 0, "run: python docs/cheating.py"
    text = (ROOT / "docs" / "cheating.md").read_text(encoding="utf-8")
    assert [int(n) for n in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == list(range(1, 58))
